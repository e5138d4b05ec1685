"""Heads that a file may hold without being named: each of scikit-learn's, and the transformers in front of them."""

from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import IncrementalPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OutputCodeClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC

from sksetfit import TorchHead

LR = LogisticRegression()
BINS = KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf")
NAMED = {
    "AdaBoost": AdaBoostClassifier(LR, n_estimators=2),
    "Bagging": BaggingClassifier(LR, n_estimators=2),
    "BernoulliNB": BernoulliNB(),
    "sigmoid": CalibratedClassifierCV(LinearSVC(), cv=2),
    "Dummy": DummyClassifier(strategy="stratified", random_state=0),
    "grid": GridSearchCV(LR, {"C": [0.1, 1.0]}, cv=2),
    "LDA": LinearDiscriminantAnalysis(),
    "LinearSVC": LinearSVC(),
    "LogisticRegression": LR,
    "LogisticRegressionCV": LogisticRegressionCV(Cs=2, cv=2),
    "MLP": MLPClassifier((4,), max_iter=3),
    "MultinomialNB": make_pipeline(MinMaxScaler(clip=True), MultinomialNB()),
    "ComplementNB": make_pipeline(Binarizer(), ComplementNB()),
    "NearestCentroid": NearestCentroid(),
    "one-vs-one": OneVsOneClassifier(LR),
    "output codes": OutputCodeClassifier(LR, random_state=0),
    "Perceptron": Perceptron(),
    "Ridge": make_pipeline(RobustScaler(), RidgeClassifier()),
    "RidgeCV": make_pipeline(MaxAbsScaler(), RidgeClassifierCV()),
    "SGD": SGDClassifier(loss="modified_huber"),
    "stack": StackingClassifier([("a", LR), ("b", GaussianNB())], cv=2),
    "torch head": TorchHead(max_iter=3),
    "scalers": make_pipeline(StandardScaler(), VarianceThreshold(), Normalizer(), TruncatedSVD(4), LR),
    "quantiles": make_pipeline(SimpleImputer(), QuantileTransformer(n_quantiles=5), PowerTransformer(), LR),
    "bins": make_pipeline(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), LR),
    "encoders": make_pipeline(BINS, OrdinalEncoder(), IncrementalPCA(4), LR),
}
