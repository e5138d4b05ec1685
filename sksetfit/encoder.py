"""SetFitEncoder: a Sentence Transformer tuned on a few labelled texts, as a scikit-learn transformer.

``import sksetfit`` imports neither torch nor sentence-transformers, which takes seconds: `sksetfit.body` and
`sksetfit.training` are imported inside the methods that need them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import InputTags, Tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from sksetfit._version import __version__
from sksetfit.inputs.texts import check_texts, fixed_seed, word_counts
from sksetfit.inputs.training_data import TrainingData, check_training_data, unlabelled_data
from sksetfit.inputs.unread import UnreadTexts, naming_rows
from sksetfit.persistence.estimator_state import (
    PlainStateMixin,
    checked_state,
    plain_path,
    plain_state,
    warn_of_other_version,
)
from sksetfit.training.callbacks import CallbackSupportMixin, TrainingResult, scikit_learn_callbacks, with_callbacks

if TYPE_CHECKING:
    from sksetfit.body.model import Body

PREDICTED_AT_ONCE = 2000  # texts whose embeddings are in memory together
BAR_DELAY = 3  # seconds of predicting, until there is a bar

_LEARNED = {
    "body": dict,
    "label_texts_": dict,
    "learning_rate_": Real,
    "loss_curve_": np.ndarray,
    "n_steps_": Integral,
}

ENCODER_CONSTRAINTS: dict[str, list[Any]] = {
    "model": [str, os.PathLike],
    "revision": [str, None],
    "label_texts": [StrOptions({"auto"}), dict, None],
    "loss": [StrOptions({"supcon", "cosine"})],
    "max_steps": [StrOptions({"auto"}), Interval(Integral, 0, 10**6, closed="both")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 2, None, closed="left")],
    "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    "warmup_proportion": [Interval(Real, 0, 1, closed="both")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "max_seq_length": [Interval(Integral, 3, None, closed="left"), None],
    "long_texts": [StrOptions({"truncate", "windows"})],
    "prompt": [str, None],
    "precision": [StrOptions({"auto", "float32", "bfloat16"})],
    "backend": [StrOptions({"torch", "openvino"})],
    "device": [str, None],
    "memory": [str, os.PathLike, HasMethods(["cache", "reduce_size"]), None],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


class SetFitEncoder(
    CallbackSupportMixin, PlainStateMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Embeddings of texts by a Sentence Transformer that is tuned on a few labelled ones.

    Tuning is contrastive [1]_: texts of one class are pulled together, those of different classes apart, in steps of
    a class-balanced batch of distinct texts. The encoder is a transformer in scikit-learn's sense: in a `Pipeline`
    before a classifier it serves those that insist on numbers, such as `ClassifierChain`, `OneVsOneClassifier` and
    `BaggingClassifier`.

    Parameters
    ----------
    model : str or path, default="sentence-transformers/all-MiniLM-L6-v2"
        The Sentence Transformer to tune: a folder, or a name on the Hugging Face Hub. The default is small (22 million
        weights, 90 MB), quick on a processor, and comes along with the extra ``offline``. A loaded model
        is not accepted: `clone` would copy it for every fold.
    revision : str or None, default=None
        A branch, tag or commit of a ``model`` on the Hub. None takes the one in the local cache, or else the newest.
    label_texts : "auto", None or dict of {label: text or list of texts}, default="auto"
        Extra training texts made of the class names. With the default model and up to eight texts per class they are
        worth several labelled texts; with all-mpnet-base-v2 they gain on two of four sets and lose 3 points on sst2.
        "auto" makes them of labels that are words (underscores become spaces), and drops them if they do not match
        the labelled texts on the frozen body. Labels without a word, such as numbers and "R&D", get none, nor do labels
        that differ by a number, case or punctuation only. None uses none. A dict gives the texts of some or all labels
        (columns for multi-label targets) and replaces the names: labels that are not in it get none, not even their
        name. If it names all labels of ``y`` it may name others, which a fold can lack. Three to five short
        descriptions of each class gain more than its name.
    loss : {"supcon", "cosine"}, default="supcon"
        Supervised contrastive loss [2]_ or the squared error of each pair's cosine similarity, the loss of setfit [1]_.
        The first one is more accurate at the same cost.
    max_steps : int or "auto", default="auto"
        The number of tuning steps. "auto" makes three passes over the texts, label texts included, in at most 1,000
        steps, and in at least as many as the mean number of texts of a class; this minimum is 12 to 24. It reads each
        of a few hundred texts up to eight times, no more than 3,600 in all, where the frozen body is right on less than
        85 % of them (ridge regression, leaving one out): that gains a point on trec at 64 texts per class, and would
        lose one on ag_news. With a warm start it makes a third of the steps. Where all texts are made of class names
        (`make_templated_texts`) it makes none. 0 leaves the body as it is.
    batch_size : int or "auto", default="auto"
        The largest number of texts in a step. Every pair of them counts, each text is encoded once, and classes have
        equal shares. "auto" is twice the number of classes, at least 24 and at most 64. At eight texts of a few
        classes, 16 and 32 measure worse than 24; of 77 classes, 24 texts hold too few of them.
    learning_rate : float or "auto", default="auto"
        The highest learning rate of AdamW. It rises over the first steps and then decays linearly to zero. "auto" takes
        1e-4 for transformers of up to 384 dimensions, such as the default model, and less in inverse proportion to the
        width of wider ones: 5e-5 for the 768 dimensions of all-mpnet-base-v2. Fewer than 24 steps have a rate that is
        higher in proportion, up to twice as high: 2e-4 for 12 steps of the default model. A warm start keeps the rate
        of the steps before they are divided. Static models get 3e-3 times the root mean square length of their vectors.
        These rates are higher than setfit's 2e-5 because a fit makes far fewer steps, each of which learns from every
        pair of its texts.
    warmup_proportion : float in [0, 1], default=0.1
        The share of the steps over which the learning rate rises.
    weight_decay : float, default=0.01
        Of AdamW, its usual value.
    max_seq_length : int or None, default=None
        The most tokens that the model reads at once, special tokens and prompt included. None takes the model's own
        number.
    long_texts : {"windows", "truncate"}, default="windows"
        How texts of more than ``max_seq_length`` tokens are read. "windows" splits them into windows of equal length,
        with the prompt before each; the embedding of a text is the mean of those of its windows, weighted by their
        numbers of tokens. A tuning step uses one window of a text, the next step another one. At most 100 windows are
        read. "truncate" reads the first ``max_seq_length`` tokens only. This is faster. It loses accuracy where the
        label depends on the rest. A static model reads the tokens of all windows at once.
    prompt : str or None, default=None
        Stands before each text, as some models want it ("query: "). None takes the model's own default prompt, "" none.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        "auto" predicts in float32, and tunes in bfloat16 where the processor or GPU multiplies it faster than float32.
        "float32" and "bfloat16" tune and predict in that precision. In bfloat16 the embedding of a text depends, in
        the third digit, on which other texts are in the call. It may be set on a fitted estimator.
    backend : {"torch", "openvino"}, default="torch"
        What computes embeddings for predictions; tuning is torch's. "openvino", through sentence-transformers and on
        the processor, is quicker for single texts; it needs the extra ``openvino`` and, in each process, some seconds
        before the first prediction. It may be set on a fitted estimator.
    device : str or None, default=None
        A torch device such as "cpu" or "cuda:1". None takes a GPU where there is one. It may be set on a fitted
        estimator. A loaded model whose device is missing is placed as with None.
    memory : str, path, joblib.Memory or None, default=None
        A folder in which tuned bodies are kept and found again, as in `Pipeline`: a grid over the head then tunes one
        body per fold. See Notes. None keeps nothing.
    warm_start : bool, default=False
        Whether a fit goes on with the body of the one before, on a copy of it, instead of loading it afresh; there may
        be new classes. ``model``, ``revision``, ``max_seq_length`` and ``prompt`` must be those of the first fit, and
        ``memory`` is not asked.
    random_state : int, RandomState instance or None, default=None
        Decides the batches, and with them all that is random in a fit. None draws anew each time. The global random
        states of numpy and torch are neither read nor changed.
    verbose : int, default=0
        0 prints nothing, 1 the plan and a progress bar of the tuning and, at predictions, how many texts are cut, 2
        also progress of fetching and loading weights.

    Attributes
    ----------
    label_texts_ : dict of {label: list of str}
        The texts made of class names that took part; empty where there were none.
    n_steps_ : int
        The number of tuning steps that were made.
    learning_rate_ : float
        The learning rate of the tuning: the parameter, or what "auto" chose.
    batch_size_ : int
        The largest number of texts in a step: the parameter, or what "auto" chose.
    loss_curve_ : ndarray of shape (n_steps,), dtype float64
        The loss of each step.
    class_count_ : ndarray of shape (n_classes,), dtype int64
        How many of the texts have each label. Not there where ``y`` is not read.
    word_counts_ : ndarray of shape (3,), dtype float64
        The least, the median and the greatest number of words of the texts; words are what white space parts.

    See Also
    --------
    SetFitClassifier : This encoder and a classifier on its embeddings.

    Notes
    -----
    The similarity of multi-label texts is the Jaccard index of their label sets. A text that occurs with different
    labels has all of them. A class with a single text has no pair within the class; the loss still separates it from
    the others.

    With ``loss="supcon"``, the embeddings of the label texts before the tuning are fixed anchors of their classes: the
    cross-entropy of each text's cosine similarities to them, divided by 0.1, is added to the loss.

    Dropout is off while tuning, so that a fit depends on ``random_state`` alone. The embeddings of tokens and the
    lowest sixth of the layers stay as they are: to tune them takes a quarter of the time and brings no accuracy.

    A body in ``memory`` is found again by the texts and targets in their order, the parameters that decide what it is,
    the weights of the model, the seed and the versions of the libraries; not by the containers and types of texts and
    labels, nor by ``backend`` and ``verbose``, nor by the head, unless early stopping scores it. Shuffled rows are
    another body, and so is another ``sample_weight``. With ``random_state=None`` any body of the kind is found, so that
    fits no longer differ. A tuning that a callback has stopped is not kept. The folder holds pickles, which can run
    code: use one that only you can write to. A saved file does not name it.

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

    As it comes, without labels, for clustering or regression:

    >>> frozen = SetFitEncoder(max_steps=0, label_texts=None).fit(X)
    >>> frozen.transform(["hello"]).shape
    (1, 384)
    """

    __module__ = "sksetfit"  # the public place, so that saved files do not depend on this module

    label_texts_: dict[Any, list[str]]
    n_steps_: int
    learning_rate_: float
    batch_size_: int
    loss_curve_: NDArray[np.float64]
    class_count_: NDArray[np.int64]
    word_counts_: NDArray[np.float64]

    _parameter_constraints: dict[str, list[Any]] = ENCODER_CONSTRAINTS

    def __init__(
        self,
        model: str | os.PathLike[str] = "sentence-transformers/all-MiniLM-L6-v2",
        *,
        revision: str | None = None,
        label_texts: str | dict[Any, Any] | None = "auto",
        loss: Literal["supcon", "cosine"] = "supcon",
        max_steps: int | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: float | Literal["auto"] = "auto",
        warmup_proportion: float = 0.1,
        weight_decay: float = 0.01,
        max_seq_length: int | None = None,
        long_texts: Literal["windows", "truncate"] = "windows",
        prompt: str | None = None,
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        backend: Literal["torch", "openvino"] = "torch",
        device: str | None = None,
        memory: Any = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.model = model
        self.revision = revision
        self.label_texts = label_texts
        self.loss = loss
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.warmup_proportion = warmup_proportion
        self.weight_decay = weight_decay
        self.max_seq_length = max_seq_length
        self.long_texts = long_texts
        self.prompt = prompt
        self.precision = precision
        self.backend = backend
        self.device = device
        self.memory = memory
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Tune the Sentence Transformer on labelled texts, or leave it as it is.

        Parameters
        ----------
        X : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, of shape (n_texts,)
            The texts.
        y : array-like of shape (n_texts,) or indicator matrix of shape (n_texts, n_labels), default=None
            One label per text (str, int, bool or object), or several as a matrix of 0 and 1 (dense, sparse, DataFrame,
            or a column of its rows). With ``max_steps=0`` and ``label_texts=None`` it is not read: it may be None, or
            numbers for a regressor behind the encoder.
        sample_weight : array-like of shape (n_texts,) or None, default=None
            How much each text counts in the loss; one of weight 0 is left out. None: all count alike. Not read where
            ``y`` is not.

        Returns
        -------
        SetFitEncoder
            The fitted encoder itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, a text, a target or a weight is not what it must be; before any training.

        Warns
        -----
        UserWarning
            If some texts consist mostly of tokens that the model does not know, or texts of different classes become
            the same tokens.
        """
        self._validate_params()
        if y is None and self._reads_y:
            raise ValueError(
                "SetFitEncoder requires y to be passed, but the target y is None. To embed texts without labels set "
                "max_steps=0 and label_texts=None."
            )
        data = check_training_data(X, y, sample_weight) if self._reads_y else unlabelled_data(X)
        params = self.get_params(deep=False) | {"random_state": fixed_seed(self.random_state)}
        reports = scikit_learn_callbacks(
            self, X, y, sample_weight, lambda state: fitted_attributes(params, state.result(), data) | TORCH
        )

        from sksetfit.training.plan import TrainingConfig
        from sksetfit.training.run import train_body

        config, initial_body = TrainingConfig.from_params(params), warm_start_body(params, self)
        result = train_body(config, data, initial_body=initial_body, callbacks=reports)
        attributes = fitted_attributes(params, result, data)
        for report in reports:
            report.end_fit(attributes)
        self.__dict__.pop("class_count_", None)  # of an earlier fit with labels
        self.__dict__.update(attributes)  # only now: a fit that fails or is interrupted changes nothing
        return self

    def transform(self, X: Any) -> Any:  # an ndarray, unless set_output asks for a frame
        """Return the embeddings of texts.

        Parameters
        ----------
        X : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, of shape (n_texts,)
            The texts.

        Returns
        -------
        ndarray of shape (n_texts, n_dimensions), dtype float32
            One embedding per text, in the order of ``X``. Equal texts get equal embeddings. After `set_output` a frame
            of them.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.
        ValueError, TypeError
            If ``X`` is not what it must be.

        Warns
        -----
        UserWarning
            If some texts consist mostly of tokens that the model does not know.
        """
        check_is_fitted(self)
        texts = check_texts(X)
        with naming_rows(texts):
            return encode_texts(self, texts, self)

    @property
    def _reads_y(self) -> bool:
        return self.max_steps != 0 or bool(self.label_texts)

    @property
    def _n_features_out(self) -> int:
        """The number of dimensions, which ClassNamePrefixFeaturesOutMixin names."""
        return int(self._tuned.built().n_dimensions)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_tuned")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = InputTags(one_d_array=True, two_d_array=False, string=True)
        tags.target_tags.required = self._reads_y
        tags.transformer_tags.preserves_dtype = []  # texts in, float32 out
        return tags

    def __getstate__(self) -> dict[str, Any]:
        if "_tuned" in vars(self):
            from sksetfit.body.saving.state import check_listed

            check_listed(body_of(self))
        return self._state_for_pickle()

    def _state_for_pickle(self) -> dict[str, Any]:
        """Return the state, also of a body of a kind that no file may hold."""
        state = plain_state(super().__getstate__())
        if state.pop("_tuned", None) is not None:
            from sksetfit.body.saving.state import body_to_state

            state["body"] = body_to_state(body_of(self))
            state["_version"] = __version__
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._set_state(state)

    def __reduce__(self) -> tuple[Any, ...]:
        restored, (state, of_the_session) = super().__reduce__()
        if "body" in state:
            of_the_session["_name_of_body"] = self._tuned.name
        return restored, (state, of_the_session)

    def _set_pickled_state(self, state: dict[str, Any], of_the_session: dict[str, Any]) -> None:
        # A `Pipeline` with a memory reads its encoder for each candidate, most of which need no body at all.
        self._set_state(state, of_the_session.pop("_name_of_body", None))
        self.__dict__.update(of_the_session)

    def _set_state(self, state: dict[str, Any], name_of_body: str | None = None) -> None:
        """Set the attributes; a body that has a name, as in a pickle, is built when it is first needed."""
        state = checked_state(self, state, _LEARNED)
        if "_tuned" in state:
            raise ValueError("The saved SetFitEncoder has a body that is no description of one.")
        if "body" in state:
            from sksetfit.body.devices import available_device
            from sksetfit.body.saving.state import body_from_state
            from sksetfit.training.cache import LazyBody

            warn_of_other_version(state.pop("_version", None))
            body, device = state.pop("body"), available_device(state["device"])
            if name_of_body is None:
                state["_tuned"] = body_from_state(body, device)
            else:
                state["_tuned"] = LazyBody(name_of_body, body, device)
            state["_tuned"].wanted_device = state["device"]
        super().__setstate__(state)


TORCH = {"backend": "torch"}  # of what callbacks see: OpenVINO would take seconds for each step
ENCODER_PARAMS = tuple(SetFitEncoder().get_params(deep=False))


def warm_start_body(params: dict[str, Any], fitted: SetFitEncoder | None) -> Body | None:
    """Return the body of a fitted encoder if a fit with these parameters is to go on with it.

    Raises
    ------
    ValueError
        If that body was loaded otherwise than these parameters say.
    """
    if not params["warm_start"] or not getattr(fitted, "n_steps_", 0):  # a frozen body is that of a fit from new
        return None
    for name, before in vars(fitted).get("_loaded_with", {}).items():
        if (now := plain_path(params[name])) != before:
            raise ValueError(
                f"warm_start=True goes on with a body of {name}={before!r}, and {name} is now {now!r}. Set it "
                f"back, or set warm_start to False for a fit from the beginning."
            )
    return body_of(fitted)


def fitted_attributes(
    params: dict[str, Any], result: TrainingResult, data: TrainingData | None = None
) -> dict[str, Any]:
    """Return the fitted attributes of an encoder; ``data``, at the end, is what it was trained on."""
    result.body.wanted_device = params["device"]
    attributes = {
        "_tuned": result.body,
        "_loaded_with": {name: plain_path(params[name]) for name in ("model", "revision", "max_seq_length", "prompt")},
        "label_texts_": result.label_texts,
        "learning_rate_": result.plan.learning_rate,
        "batch_size_": result.plan.batch_size,
        "loss_curve_": result.loss_curve,
        "n_steps_": len(result.loss_curve),
    }
    if data is not None:
        attributes["word_counts_"] = word_counts(data.texts)
    if data is not None and len(data.targets.classes):
        attributes["class_count_"] = data.targets.indicator.sum(axis=0)
    return attributes


def fitted_encoder(params: dict[str, Any], result: TrainingResult, data: TrainingData | None = None) -> SetFitEncoder:
    """Return an encoder of these parameters that a training fitted."""
    encoder = SetFitEncoder(**params)
    encoder.__dict__.update(fitted_attributes(params, result, data))
    return encoder


def body_of(encoder: SetFitEncoder | None) -> Body:
    """Return the body of a fitted encoder; one from the cache is built now."""
    body: Body = vars(encoder)["_tuned"].built()  # weights are no public attribute
    return body


def encode_texts(
    encoder: SetFitEncoder, texts: list[str], settings: Any, backend: str | None = None, *, report: bool = True
) -> NDArray[np.float32]:
    """Return embeddings by the body of a fitted encoder, all at once; the parameters are those of `encoded_chunks`."""
    [embeddings] = encoded_chunks(encoder, texts, settings, backend, size=len(texts), report=report)
    return embeddings


def encoded_chunks(
    encoder: SetFitEncoder,
    texts: list[str],
    settings: Any,
    backend: str | None = None,
    *,
    size: int = PREDICTED_AT_ONCE,
    report: bool = True,
) -> Iterator[NDArray[np.float32]]:
    """Yield embeddings by the body of a fitted encoder.

    Parameters
    ----------
    encoder : SetFitEncoder
    texts : list of str
    settings : estimator
        Its precision, backend and device count, as they are now.
    backend : str or None, default=None
        Another backend. None takes that of the settings, or of the encoder where they have none, as those of a student.
    size : int, default=PREDICTED_AT_ONCE
        The number of texts of a chunk. The last one may have fewer.
    report : bool, default=True
        Whether to warn of texts that the body cannot read, and under ``verbose`` to count those that it cuts.

    Raises
    ------
    ValueError, TypeError
        If a setting is not what it must be, or cannot be used on this machine.
    """
    with_backend = settings if hasattr(settings, "backend") else encoder
    given = {"precision": settings.precision, "device": settings.device, "backend": backend or with_backend.backend}
    validate_parameter_constraints(ENCODER_CONSTRAINTS, given, caller_name=type(settings).__name__)

    from tqdm import tqdm

    from sksetfit.body.prediction import encode

    unread = UnreadTexts()
    hidden = not (report and settings.verbose) or len(texts) <= size
    with tqdm(total=len(texts), desc="predicting", unit="text", delay=BAR_DELAY, disable=hidden) as bar:
        for embeddings in encode(vars(encoder)["_tuned"], texts, unread=unread, size=size, **given):
            yield embeddings
            bar.update(len(embeddings))
    if report:
        unread.report(settings.verbose)
