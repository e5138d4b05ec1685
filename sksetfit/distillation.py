"""DistilledSetFitClassifier: a smaller body that has learned the embeddings of a fitted classifier, and its head."""

from __future__ import annotations

import copy
import os
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sksetfit.encoder import ENCODER_CONSTRAINTS, SetFitEncoder, body_of, fitted_encoder
from sksetfit.heads.on_embeddings import HeadOnEmbeddings
from sksetfit.inputs.texts import check_texts, local_random_state, short_repr

SHARED_PARAMS = ("precision", "device", "random_state", "verbose")


class DistilledSetFitClassifier(HeadOnEmbeddings, BaseEstimator):
    """A smaller and quicker classifier that answers as a fitted one does, learned from unlabelled texts.

    A smaller body, the student, learns to give the embeddings of the teacher's; the head is a copy of the teacher's.
    No labels are needed: a thousand texts of the kind that will be asked about are a good start.

    Parameters
    ----------
    teacher : SetFitClassifier or DistilledSetFitClassifier
        A fitted classifier. `clone` does not copy it, and a saved file does not hold it; a pickle does. For a grid over
        teachers, put each in a `FrozenEstimator`.
    model : str, path or None, default=None
        What the student is made of. None leaves layers of the teacher's body out. "static" makes a table of one vector
        for each token: an embedding is their mean, and a text costs little more than its tokenisation. Else a smaller
        Sentence Transformer, a folder or a name on the Hugging Face Hub, with a linear map behind it.
    revision : str or None, default=None
        A branch, tag or commit of a ``model`` on the Hub. None takes the one in the local cache, or else the newest.
    n_layers : int or None, default=None
        How many layers of the teacher's body are kept, at even distances from the lowest to the highest. None keeps
        a third of them. Only read with ``model=None``.
    max_steps : int or "auto", default="auto"
        The number of steps. "auto" makes three passes over the texts, six for a table, but between 50 and 1,000 steps.
    batch_size : int, default=32
        The most texts in a step.
    learning_rate : float or "auto", default="auto"
        The highest rate of AdamW; it rises over the first tenth of the steps and then decays linearly to zero. "auto"
        is 5e-4, and 3e-3 for a table, whose vectors are far from where they began.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        As in `SetFitClassifier`.
    device : str or None, default=None
        A torch device for the student, such as "cpu" or "cuda:1". None takes a GPU where there is one.
    random_state : int, RandomState instance or None, default=None
        Decides the order of the texts. None draws anew each time. The global random states of numpy and torch are
        neither read nor changed.
    verbose : int, default=0
        0 prints nothing, 1 the plan and a progress bar, 2 also progress of fetching and loading weights.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, as the teacher has them.
    encoder_ : SetFitEncoder
        The student's body.
    head_ : classifier
        A copy of the teacher's head.
    n_steps_ : int
        The number of steps that were made.
    learning_rate_ : float
        The learning rate of the steps: the parameter, or what "auto" chose.
    loss_curve_ : ndarray of shape (n_steps,), dtype float64
        The loss of each step: the mean squared distance of the embeddings of both, in shares of the mean square of the
        teacher's.

    See Also
    --------
    SetFitClassifier : The teacher.

    Notes
    -----
    In setfit a student learns the cosine similarity of each pair of texts [1]_ [2]_. Here it learns the embeddings
    themselves. The student therefore uses the head of the teacher, of any kind, and has nearly its probabilities.

    Static embeddings start as the embeddings of single tokens by the teacher, as in [3]_, with smaller norms for
    frequent tokens. Then the vectors of the tokens in the texts are trained. They ignore the order of words.

    ``encoder_.model`` names what the student was made from:
    where that is the teacher's body, a clone of ``encoder_`` is fitted on all of it.

    References
    ----------
    .. [1] Hinton, Vinyals, Dean (2015). "Distilling the Knowledge in a Neural Network". arXiv:1503.02531.
    .. [2] Tunstall et al. (2022). "Efficient Few-Shot Learning Without Prompts", section 6. arXiv:2209.11055.
    .. [3] Tulkens, van Dongen (2024). "Model2Vec: Fast State-of-the-Art Static Embeddings". Software.

    Examples
    --------
    >>> from sksetfit import DistilledSetFitClassifier, SetFitClassifier
    >>> X = ["my card was charged twice", "wrong amount on the bill", "cannot sign in", "forgot my password"]
    >>> teacher = SetFitClassifier(random_state=0).fit(X, ["billing", "billing", "login", "login"])
    >>> unlabelled = ["is the bill right?", "the password is not accepted", "the amount is wrong", "no access", *X]
    >>> student = DistilledSetFitClassifier(teacher, random_state=0).fit(unlabelled)
    >>> print(student.predict(["the invoice is wrong", "locked out, I forgot the password"]))
    ['billing' 'login']
    """

    __module__ = "sksetfit"  # the public place, so that saved files do not depend on this module

    classes_: NDArray[Any]
    encoder_: SetFitEncoder
    head_: Any
    n_steps_: int
    learning_rate_: float
    loss_curve_: NDArray[np.float64]

    _parameter_constraints: dict[str, Any] = {
        "teacher": "no_validation",  # which fit says more of
        "model": [str, os.PathLike, None],
        "revision": ENCODER_CONSTRAINTS["revision"],
        "n_layers": [Interval(Integral, 1, None, closed="left"), None],
        "max_steps": [StrOptions({"auto"}), Interval(Integral, 0, 10**6, closed="both")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        **{name: ENCODER_CONSTRAINTS[name] for name in SHARED_PARAMS},
    }

    _learned = {
        "classes_": np.ndarray,
        "encoder_": SetFitEncoder,
        "head_": object,
        "learning_rate_": Real,
        "loss_curve_": np.ndarray,
        "n_steps_": Integral,
    }

    def __init__(
        self,
        teacher: Any,
        model: str | os.PathLike[str] | None = None,
        *,
        revision: str | None = None,
        n_layers: int | None = None,
        max_steps: int | Literal["auto"] = "auto",
        batch_size: int = 32,
        learning_rate: float | Literal["auto"] = "auto",
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        device: str | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.teacher = teacher
        self.model = model
        self.revision = revision
        self.n_layers = n_layers
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.precision = precision
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Make a student and let it learn the teacher's embeddings of these texts.

        Parameters
        ----------
        X : list, tuple, ndarray, pandas or polars Series, pyarrow array, or frame of one column, of shape (n_texts,)
            The texts; labels are not needed.
        y : object, default=None
            Not read; there so that scikit-learn's searches can pass targets to score with.

        Returns
        -------
        DistilledSetFitClassifier
            The fitted classifier itself.

        Raises
        ------
        NotFittedError
            If the teacher is not fitted.
        ValueError, TypeError
            If a parameter, the teacher or a text is not what it must be; before any training.
        """
        self._validate_params()
        teacher = self._checked_teacher()
        texts = check_texts(X)

        from sksetfit.training.distill import distill

        encoder_of_teacher = teacher.encoder_
        classes, head = teacher.classes_.copy(), copy.deepcopy(teacher.head_)  # now: it may be fitted again meanwhile
        own = (
            "model",
            "revision",
            "n_layers",
            "max_steps",
            "batch_size",
            "learning_rate",
            "precision",
            "device",
            "verbose",
        )
        result = distill(
            body_of(encoder_of_teacher),
            texts,
            rng=local_random_state(self.random_state),
            **{name: getattr(self, name) for name in own},
        )
        made_of: Any = encoder_of_teacher if self.model in (None, "static") else self
        encoder = SetFitEncoder(
            made_of.model,
            revision=made_of.revision,
            label_texts=None,
            batch_size=self.batch_size,
            learning_rate=result.plan.learning_rate,
            long_texts=result.body.long_texts,
            precision=self.precision,  # type: ignore[arg-type]  # which is validated above
            device=self.device,
        )
        learned = {
            "classes_": classes,
            "encoder_": fitted_encoder(encoder.get_params(deep=False), result),
            "learning_rate_": result.plan.learning_rate,
            "head_": head,
            "n_steps_": len(result.loss_curve),
            "loss_curve_": result.loss_curve,
        }
        self.__dict__.update(learned)  # only now: a fit that fails or is interrupted changes nothing
        return self

    def _checked_teacher(self) -> Any:
        teacher = self.teacher.estimator if isinstance(self.teacher, FrozenEstimator) else self.teacher
        if not isinstance(teacher, HeadOnEmbeddings) or teacher is self:
            after_load = " A file does not hold the teacher: set_params(teacher=...)." if teacher is None else ""
            raise TypeError(
                f"teacher must be a fitted SetFitClassifier, got {short_repr(teacher)}.{after_load} Of a pipeline or "
                f"search give the classifier in it."
            )
        check_is_fitted(teacher, msg="The teacher, %(name)s, is not fitted: call its fit with labelled texts.")
        return teacher

    def __sklearn_clone__(self) -> Self:
        # The teacher is what is learned from, as data is: a copy would be one that has to be fitted first.
        cloned: Self = super().__sklearn_clone__()
        cloned.teacher = self.teacher
        return cloned

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of this classifier, without those of the teacher.

        Parameters
        ----------
        deep : bool, default=True
            Not read: the teacher is fitted, and what is set of it here would change that of the caller.

        Returns
        -------
        dict
            Parameter names and values.
        """
        params: dict[str, Any] = super().get_params(deep=False)
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters of this classifier, but none of its teacher.

        Parameters
        ----------
        **params : dict
            Parameter names and values.

        Returns
        -------
        DistilledSetFitClassifier
            The classifier itself.

        Raises
        ------
        ValueError
            If one of them is of the teacher, or there is none of that name.
        """
        if of_teacher := [name for name in params if name.startswith("teacher__")]:
            raise ValueError(
                f"{of_teacher[0]!r} would change the teacher, which is fitted: fit another one, and set teacher to it."
            )
        return super().set_params(**params)  # type: ignore[no-any-return]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags
