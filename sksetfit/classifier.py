"""SetFitClassifier: a tuned encoder and a head on its embeddings."""

from __future__ import annotations

import os
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import Interval, StrOptions

from sksetfit.encoder import (
    ENCODER_CONSTRAINTS,
    ENCODER_PARAMS,
    TORCH,
    SetFitEncoder,
    encode_texts,
    fitted_encoder,
    warm_start_body,
)
from sksetfit.heads.default import LogisticRegressionHead
from sksetfit.heads.on_embeddings import HeadOnEmbeddings
from sksetfit.heads.strategies import (
    STRATEGIES,
    Strategy,
    build_head,
    check_head,
    check_head_class_weight,
    check_head_takes_weights,
    fit_head,
)
from sksetfit.heads.torch_head import TorchHead
from sksetfit.heads.torch_head_loss import TorchHeadLoss, check_torch_head
from sksetfit.inputs.label_texts import label_rows
from sksetfit.inputs.texts import both_given, fixed_seed, local_random_state
from sksetfit.inputs.training_data import TrainingData, check_training_data, check_validation_data
from sksetfit.model_selection.scoring import check_scorer
from sksetfit.training.callbacks import (
    CallbackSupportMixin,
    EarlyStopping,
    TrainingResult,
    TrainingState,
    code_of,
    hold_out,
    scikit_learn_callbacks,
    some_of_each_class,
    with_callbacks,
)


class SetFitClassifier(CallbackSupportMixin, HeadOnEmbeddings, BaseEstimator):
    """Few-shot text classifier: a contrastively tuned Sentence Transformer and a head on its embeddings.

    `fit` tunes the body so that texts of one class lie together [1]_ and then fits a classifier, the head, on the
    embeddings. Eight labelled texts per class are a good start.

    Parameters
    ----------
    model : str or path, default="sentence-transformers/all-MiniLM-L6-v2"
        The Sentence Transformer to tune: a folder, or a name on the Hugging Face Hub. The default is small (22 million
        weights, 90 MB), quick on a processor, and comes along with the extra ``offline``. A loaded model
        is not accepted: `clone` would copy it for every fold.
    revision : str or None, default=None
        A branch, tag or commit of a ``model`` on the Hub. None takes the one in the local cache, or else the newest.
    head : scikit-learn classifier or None, default=None
        What is fitted on the embeddings; a copy of it, so that the parameter stays as it is. With a `TorchHead` the
        body is tuned by the head's loss as well. None means
        `LogisticRegressionHead()`: logistic regression whose C, class weights and intercept follow from the data. Its
        parameters can be set, also by a grid, as ``head__C`` and so on, though `get_params` lists them only once one of
        them has been set.
    multi_target_strategy : {"one-vs-rest", "multi-output", "classifier-chain"}, default="one-vs-rest"
        How the head is used for multi-label targets: `OneVsRestClassifier`, `MultiOutputClassifier` or
        `ClassifierChain` around it. All share the one tuned body. Not read for one label per text, nor for a
        `TorchHead`, which takes several.
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
    class_weight : "balanced", dict of {label: weight} or None, default=None
        How much the texts of each class count in the loss and in the head, besides ``sample_weight``. Labels that are
        not in a dict have weight 1; a multi-label text has the product. A dict that names all labels of ``y`` may name
        others, which a fold can lack. "balanced" undersamples the classes to the size
        of the rarest (but at least 8 texts), whatever their ``sample_weight``, and balances the rest by weights:
        without that, the model overfits small classes and predicts the large ones. For multi-label targets it balances
        each label, in the head only. The head must take ``sample_weight``.
    early_stopping : bool, default=False
        Whether to score the classifier while its body is tuned, stop when the score no longer rises, and go back to
        the weights of the best score. The head is fitted anew for each of about ten scores.
    validation_fraction : float in (0, 1), default=0.1
        The share of the texts of each class, one at least, that the body is not tuned on but scored with, unless
        ``fit`` is given ``X_val``. The head that is kept is fitted on all texts. Only read with early stopping.
    n_iter_no_change : int, default=3
        After how many scores in a row that are no better than the best before them to stop. Only read with early
        stopping.
    scoring : str, callable or None, default=None
        What early stopping maximises: the name of a scorer of scikit-learn, or a callable of the signature
        ``scorer(classifier, X, y)``; None means accuracy. Validation texts count alike, whatever ``sample_weight``
        says. Only read with early stopping.
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
        Decides the batches and what is random in the head, unless that has a ``random_state`` of its own. None draws
        anew each time. The global random states of numpy and torch are neither read nor changed.
    verbose : int, default=0
        0 prints nothing, 1 the plan and a progress bar of the tuning and, at predictions, how many texts are cut, 2
        also progress of fetching and loading weights.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted, in ``y``'s own type. For multi-label targets the column names where ``y`` is a DataFrame
        whose columns are named by words, else the column numbers.
    encoder_ : SetFitEncoder
        The tuned body.
    head_ : classifier
        The fitted head; for multi-label targets with the strategy around it.
    n_steps_ : int
        The number of tuning steps that were made.
    learning_rate_ : float
        The learning rate of the tuning: the parameter, or what "auto" chose.
    loss_curve_ : ndarray of shape (n_steps,), dtype float64
        The loss of each step.
    validation_scores_ : ndarray of shape (n_scores,), dtype float64
        The scores that early stopping has taken, the first of the body as it came; empty without it.
    validation_steps_ : ndarray of shape (n_scores,), dtype int64
        After how many steps each of them was taken.

    See Also
    --------
    SetFitEncoder : The tuned body alone, as a transformer for pipelines.
    TorchHead : A head that is trained with the body.
    dump : Keep a fitted classifier in one file.

    Notes
    -----
    The similarity of multi-label texts is the Jaccard index of their label sets. A text that occurs with different
    labels has all of them in the training of the body, and one row per label for the head. A class with a single text
    has no pair within the class; the loss still separates it from the others.

    With ``loss="supcon"``, the embeddings of the label texts before the tuning are fixed anchors of their classes: the
    cross-entropy of each text's cosine similarities to them, divided by 0.1, is added to the loss.

    Dropout is off while tuning, so that a fit depends on ``random_state`` alone. The embeddings of tokens and the
    lowest sixth of the layers stay as they are: to tune them takes a quarter of the time and brings no accuracy.

    A body in ``memory`` is found again by the texts and targets in their order, the parameters that decide what it is,
    the weights of the model, the seed and the versions of the libraries; not by the containers and types of texts and
    labels, nor by ``backend`` and ``verbose``, nor by the head, unless early stopping scores it or it is a `TorchHead`.
    Shuffled rows are another body, and so is another ``sample_weight``. With ``random_state=None`` any body of the kind
    is found, so that fits no longer differ. A tuning that a callback has stopped is not kept. The folder holds pickles,
    which can run code: use one that only you can write to. A saved file does not name it.

    References
    ----------
    .. [1] Tunstall et al. (2022). "Efficient Few-Shot Learning Without Prompts". arXiv:2209.11055.
    .. [2] Khosla et al. (2020). "Supervised Contrastive Learning". arXiv:2004.11362.

    Examples
    --------
    >>> from sksetfit import SetFitClassifier
    >>> X = ["my card was charged twice", "wrong amount on the bill", "cannot sign in", "forgot my password"]
    >>> y = ["billing", "billing", "login", "login"]
    >>> clf = SetFitClassifier(random_state=0).fit(X, y)
    >>> print(clf.predict(["the invoice is wrong", "the password is not accepted"]))
    ['billing' 'login']
    >>> clf.predict_proba(["the invoice is wrong"]).shape
    (1, 2)
    """

    __module__ = "sksetfit"  # the public place, so that saved files do not depend on this module

    classes_: NDArray[Any]
    encoder_: SetFitEncoder
    head_: Any
    n_steps_: int
    learning_rate_: float
    loss_curve_: NDArray[np.float64]
    validation_scores_: NDArray[np.float64]
    validation_steps_: NDArray[np.int64]

    _parameter_constraints: dict[str, Any] = {
        **ENCODER_CONSTRAINTS,
        "head": "no_validation",  # check_head says more
        "multi_target_strategy": [StrOptions(set(STRATEGIES))],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "scoring": [str, callable, None],
    }

    _learned = {
        "classes_": np.ndarray,
        "encoder_": SetFitEncoder,
        "head_": object,
        "learning_rate_": Real,
        "loss_curve_": np.ndarray,
        "n_steps_": Integral,
        "validation_scores_": np.ndarray,
        "validation_steps_": np.ndarray,
    }

    def __init__(
        self,
        model: str | os.PathLike[str] = "sentence-transformers/all-MiniLM-L6-v2",
        *,
        revision: str | None = None,
        head: BaseEstimator | None = None,
        multi_target_strategy: Strategy = "one-vs-rest",
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
        class_weight: str | dict[Any, Any] | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 3,
        scoring: str | Callable[..., Any] | None = None,
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
        self.head = head
        self.multi_target_strategy = multi_target_strategy
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
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.scoring = scoring
        self.precision = precision
        self.backend = backend
        self.device = device
        self.memory = memory
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Tune the Sentence Transformer on labelled texts, then fit the head on their embeddings.

        Parameters
        ----------
        X : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, of shape (n_texts,)
            The texts.
        y : array-like of shape (n_texts,) or indicator matrix of shape (n_texts, n_labels)
            One label per text (str, int, bool or object), or several as a matrix of 0 and 1 (dense, sparse, DataFrame,
            or a column of its rows).
        sample_weight : array-like of shape (n_texts,) or None, default=None
            How much each text counts in the loss and in the head; one of weight 0 is left out. None: all count alike.
        X_val : like X or None, default=None
            Texts to be scored with by early stopping. None: some of ``X`` are held out.
        y_val : like y or None, default=None
            Their targets.

        Returns
        -------
        SetFitClassifier
            The fitted classifier itself.

        Raises
        ------
        ValueError, TypeError
            If a parameter, the head, a text, a target or a weight is not what it must be; before any training.

        Warns
        -----
        UserWarning
            If a label of multi-label targets is on all texts or on none: it is then predicted for all or for none. If
            some texts consist mostly of tokens that the model does not know, or texts of different classes become the
            same tokens.
        """
        self._validate_params()
        check_head(self.head)
        data = check_training_data(X, y, sample_weight, self.class_weight)
        check_head_takes_weights(
            self.head,
            multi_label=data.targets.multi_label,
            sample_weight=data.weights is not None,
            class_weight=self.class_weight,
        )
        check_head_class_weight(self.head, data.targets.classes.tolist(), multi_label=data.targets.multi_label)
        params = {name: getattr(self, name) for name in ENCODER_PARAMS}
        params["random_state"] = fixed_seed(self.random_state)
        initial_body = warm_start_body(params, getattr(self, "encoder_", None))
        head_loss = self._head_loss(data)
        train, validation = self._split(data, X_val, y_val, params["random_state"], warm=initial_body is not None)
        early_stopping = self._early_stopping(params, train, *validation) if validation else []
        reports = scikit_learn_callbacks(
            self,
            X,
            y,
            sample_weight,
            lambda state: self._fitted_attributes(params, state.result(), train, train) | TORCH,
        )

        from sksetfit.training.plan import TrainingConfig
        from sksetfit.training.run import train_body

        config, callbacks = TrainingConfig.from_params(params), [*early_stopping, *reports]
        result = train_body(config, train, initial_body=initial_body, callbacks=callbacks, head_loss=head_loss)
        attributes = self._fitted_attributes(params, result, data, train)
        for report in reports:
            report.end_fit(attributes)
        self.__dict__.update(attributes)  # only now: a fit that fails or is interrupted leaves the estimator as it was
        return self

    def _head_loss(self, data: TrainingData) -> TorchHeadLoss | None:
        """Return the loss of the head if the body is to be tuned by it, too."""
        if not isinstance(self.head, TorchHead):
            return None
        head: TorchHead = self._new_head(data, None)
        targets, weighted = data.targets, data.weights is not None
        check_torch_head(head, len(targets.classes), multi_label=targets.multi_label, weighted=weighted)
        return TorchHeadLoss(head, targets) if head.end_to_end else None

    def _split(
        self, data: TrainingData, X_val: Any, y_val: Any, seed: int | None, *, warm: bool
    ) -> tuple[TrainingData, tuple[list[str], NDArray[Any]] | None]:
        """Return what the body is tuned on, and the texts and targets that score it meanwhile."""
        given = both_given(X_val, y_val, "val")
        if not self.early_stopping:
            if given:
                raise ValueError("X_val and y_val are for early stopping, and early_stopping=False. Set it to True.")
            return data, None
        if given:
            return data, check_validation_data(X_val, y_val, data.targets)
        if warm:
            raise ValueError(
                "Early stopping needs X_val and y_val when a warm start goes on with a body: it may have been tuned on "
                "any text of X. Pass texts that no fit has seen."
            )
        seed = 0 if seed is None and self.memory is not None else seed
        train, held_out = hold_out(data, self.validation_fraction, local_random_state(seed))
        return train, (held_out.texts, held_out.targets.y)

    def _early_stopping(
        self, params: dict[str, Any], train: TrainingData, texts: list[str], y: NDArray[Any]
    ) -> list[EarlyStopping]:
        scorer, scored_on = check_scorer(self, self.scoring), some_of_each_class(train)

        def score(state: TrainingState) -> float:
            classifier = clone(self)  # of its own, whatever the scorer does to it
            classifier.set_params(early_stopping=False, verbose=0, **TORCH)
            attributes = self._fitted_attributes(params, state.result(), scored_on, train)
            warns = {"_warns": not state.losses}  # the first score warns of the texts for all of them
            classifier.__dict__.update(attributes | warns)
            return float(scorer(classifier, texts, y))

        of_scores = (self.head, self.multi_target_strategy, self.class_weight, self.scoring, code_of(self.scoring))
        key = (texts, y.tolist(), self.n_iter_no_change, of_scores)
        return [EarlyStopping(score, self.n_iter_no_change, key)]

    def _fitted_attributes(
        self, params: dict[str, Any], result: TrainingResult, data: TrainingData, train: TrainingData
    ) -> dict[str, Any]:
        """Return the attributes of a classifier with this body and a head fitted on ``data``.

        ``train`` is what the body was tuned on.
        """
        encoder = fitted_encoder(params, result, train)
        targets, weights = data.targets, data.weights
        label_texts, label_indicator = label_rows(encoder.label_texts_, targets.classes)
        embeddings = encode_texts(encoder, data.texts + label_texts, self, backend="torch", report=False)
        if weights is not None:
            weights = np.concatenate([weights, data.weights_of_labels(label_indicator)])
        head = self._new_head(data, encoder.random_state)
        y = np.concatenate([targets.y, targets.as_y(label_indicator)])
        fit_head(head, embeddings, y, weights, targets.constant)
        return {
            "classes_": targets.classes,
            "encoder_": encoder,
            "n_steps_": encoder.n_steps_,
            "loss_curve_": encoder.loss_curve_,
            "learning_rate_": encoder.learning_rate_,
            "validation_steps_": result.validation_steps,
            "validation_scores_": result.validation_scores,
            "head_": head,
        }

    def _new_head(self, data: TrainingData, seed: Any) -> Any:
        """Return an unfitted head for these texts."""
        targets = data.targets
        return build_head(
            self.head,
            self.multi_target_strategy,
            multi_label=targets.multi_label,
            n_texts=len(data.texts) if data.weights is None else data.weights.sum(),
            n_classes=len(targets.classes),
            names_only=data.names_only,
            class_weight=self.class_weight,
            rng=local_random_state(seed),
        )

    def set_params(self, **params: Any) -> Self:
        """Set parameters of this classifier, and of its head as ``head__<name>``.

        With ``head=None``, ``head__C=10`` first puts the default head in its place, so that a grid over the head
        needs none to be built.

        Parameters
        ----------
        **params : dict
            Parameter names and values.

        Returns
        -------
        SetFitClassifier
            The classifier itself.
        """
        if params.get("head", self.head) is None and any(name.startswith("head__") for name in params):
            params = params | {"head": LogisticRegressionHead()}
        before = self.head
        try:
            super().set_params(**params)
        except ValueError:
            self.head = before
            raise
        return self
