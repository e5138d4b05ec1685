from sklearn.linear_model import LogisticRegression

from sksetfit.persistence.trust import _ESTIMATORS, trusted_types


def test_the_types_are_those_of_installed_estimators():
    estimators = trusted_types()["ObjectNode"]
    assert f"{LogisticRegression.__module__}.LogisticRegression" in estimators
    assert {name.rpartition(".")[2] for name in estimators} >= _ESTIMATORS


def test_what_calls_reads_or_trusts_its_arrays_is_not_among_them():
    names = {name.rpartition(".")[2] for names in trusted_types().values() for name in names}
    assert names.isdisjoint(
        {"FunctionTransformer", "HashingVectorizer", "TfidfVectorizer", "Tree", "KDTree", "Generator", "void", "bytes"}
        | {"CategoricalNB", "MultiLabelBinarizer", "QuadraticDiscriminantAnalysis", "TargetEncoder", "VotingClassifier"}
    )


def test_a_type_is_made_by_one_loader_but_those_that_are_also_data():
    by_loader = trusted_types()
    for loader in by_loader.keys() - {"NdArrayNode", "TypeNode"}:
        for other in by_loader.keys() - {loader}:
            assert by_loader[loader].isdisjoint(by_loader[other])
