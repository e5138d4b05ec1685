import random
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

from conftest import TOPICS, make_texts
from sksetfit import SetFitEncoder
from sksetfit.body.loading.load import load_body
from sksetfit.body.saving.state import body_from_state, body_to_state
from sksetfit.encoder import body_of
from sksetfit.training.distill import distill

TEXTS, _ = make_texts(20)
NEW, _ = make_texts(20, seed=1)
STEPS = {"max_steps": 60, "learning_rate": 5e-3}


def write_smaller_model(of, folder, *, normalize=True):
    """Write a Sentence Transformer of one layer and 16 dimensions, with the tokenizer of another."""
    BertTokenizerFast.from_pretrained(of).save_pretrained(folder / "transformer")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        config = BertConfig(vocab_size=171, max_position_embeddings=64, initializer_range=0.2, **sizes)
        BertModel(config).save_pretrained(folder / "transformer")
    modules = [Transformer(str(folder / "transformer")), Pooling(16), *([Normalize()] if normalize else [])]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder / "whole"))
    return str(folder / "whole")


@pytest.fixture(scope="module")
def teacher(tiny_model):
    """A tuned body that no test may change."""
    X, y = make_texts(8)
    names = {
        form.format(label): label for label in TOPICS for form in ("{}", "This is {}", "This sentence is about {}")
    }
    encoder = SetFitEncoder(tiny_model, label_texts=None, max_steps=10, learning_rate=3e-3, random_state=0)
    return body_of(encoder.fit([*X, *names], [*y, *names.values()]))


@pytest.fixture(scope="module")
def smaller_model(tiny_model, tmp_path_factory):
    return write_smaller_model(tiny_model, tmp_path_factory.mktemp("smaller"))


@pytest.fixture(scope="module", params=["fewer layers", "static", "same folder", "smaller folder"])
def model(request, tiny_model, smaller_model):
    """Each kind of student."""
    return {"fewer layers": None, "same folder": tiny_model, "smaller folder": smaller_model}.get(
        request.param, "static"
    )


def learned(teacher, texts=TEXTS, seed=0, **changes):
    options = {"model": None, "n_layers": None, "max_steps": 3, "batch_size": 16, "learning_rate": "auto"}
    options |= {"precision": "float32", "device": "cpu", "verbose": 0} | changes
    result = distill(teacher, texts, rng=np.random.RandomState(seed), **options)
    return result.body, result.loss_curve


def distance(student, teacher, texts=NEW):
    """Return the mean squared distance of the embeddings of both, in shares of the teacher's mean square."""
    wanted = teacher.encode(texts)
    return np.square(student.encode(texts) - wanted).sum() / np.square(wanted).sum()


def weights_of(body):
    return {name: array.tobytes() for name, array in body_to_state(body)["weights"].items()}


# -- what is learned


def test_each_kind_of_student_comes_nearer_to_its_teacher_on_new_texts(teacher, model):
    before, _ = learned(teacher, model=model, max_steps=0)
    student, losses = learned(teacher, model=model, **STEPS)
    assert distance(student, teacher) < 0.9 * distance(before, teacher)  # a map alone comes near already
    assert distance(student, teacher) < 0.25  # two embeddings that have nothing in common: 2
    assert losses.shape == (60,)
    assert losses.dtype == np.float64


def test_the_loss_is_the_distance_in_shares_of_the_teachers_mean_square(teacher, model):
    student, _ = learned(teacher, model=model, max_steps=0)
    _, losses = learned(teacher, model=model, max_steps=1, batch_size=1000)
    np.testing.assert_allclose(losses[0], distance(student, teacher, TEXTS), rtol=1e-4)


def test_a_student_has_the_dimensions_of_its_teacher_and_its_length(teacher, model):
    student, _ = learned(teacher, model=model)
    assert student.n_dimensions == teacher.n_dimensions
    np.testing.assert_allclose(np.linalg.norm(student.encode(NEW), axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("kind", ["fewer layers", "static", "smaller folder"])
def test_student_learns_norm_of_teacher(tiny_model, smaller_model, tmp_path, kind):
    model = {"static": "static", "smaller folder": smaller_model}.get(kind)
    modules = [Transformer(tiny_model), Pooling(32)]  # no Normalize
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(tmp_path))
    teacher = load_body(tmp_path, device="cpu")
    assert np.linalg.norm(teacher.encode(NEW), axis=1).mean() > 3
    student, _ = learned(teacher, model=model, max_steps=60, learning_rate="auto" if kind == "static" else 5e-3)
    assert distance(student, teacher) < 0.3


@pytest.mark.parametrize("n_per_class", [3, 60])  # fewer texts than dimensions, and more
def test_linear_map_starts_near_teacher(tiny_model, n_per_class):
    teacher = load_body(tiny_model, device="cpu")
    student, _ = learned(teacher, make_texts(n_per_class)[0], model=tiny_model, max_steps=0)
    assert distance(student, teacher) < (0.3 if n_per_class == 3 else 0.03)


def test_a_student_that_keeps_all_layers_and_does_not_learn_is_its_teacher(teacher):
    student, losses = learned(teacher, n_layers=2, max_steps=0)
    np.testing.assert_array_equal(student.encode(NEW), teacher.encode(NEW))
    assert losses.shape == (0,)


def test_tokens_that_no_text_holds_keep_their_first_vector(teacher):
    texts, _ = make_texts(20, topics=["food", "music"])
    first, _ = learned(teacher, texts, model="static", max_steps=0)
    last, _ = learned(teacher, texts, model="static", **STEPS)
    seen = np.unique(np.concatenate(first.tokenize(texts).tokens))
    unseen = np.setdiff1d(np.arange(171), seen)
    vectors, tuned = (each.transformer.weight.detach().numpy() for each in (first, last))
    assert first.tokenizer.token_to_id("tennis") in unseen
    np.testing.assert_array_equal(tuned[unseen], vectors[unseen])
    assert (np.abs(tuned[seen] - vectors[seen]).max(axis=1) > 0).all()


def test_static_vectors_have_requested_precision(teacher):
    table, _ = learned(teacher, model="static", max_steps=0, precision="float32")
    vectors = table.transformer.weight.detach()
    one, other = (vectors[table.tokenizer.token_to_id(letter)].numpy() for letter in "xy")  # which no text holds
    expected = np.subtract(*teacher.encode(["x", "y"]))
    np.testing.assert_allclose(one - other, expected, atol=1e-5)


def test_distill_freezes_embeddings_and_lowest_layers(teacher):
    student, _ = learned(teacher, **STEPS)
    own, teachers = body_to_state(student)["weights"], body_to_state(teacher)["weights"]
    name = "transformer.embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(own[name], teachers[name])


@pytest.mark.parametrize("kind", [None, "static"])
def test_bfloat16_learns_too(teacher, kind):
    student, _ = learned(teacher, model=kind, precision="bfloat16", **STEPS)
    assert distance(student, teacher) < 0.3


# -- how many steps, of which texts


@pytest.mark.parametrize(
    ("model", "n_texts", "batch_size", "n_steps"),
    [("static", 10, 32, 50), ("static", 400, 32, 75), ("static", 600, 2, 1000), (None, 400, 20, 60)],
)
def test_the_number_of_steps_follows_the_number_of_distinct_texts(teacher, model, n_texts, batch_size, n_steps):
    words = [f"{i:03d}" for i in range(n_texts)]
    _, losses = learned(teacher, [*words, *words], model=model, max_steps="auto", batch_size=batch_size)
    assert len(losses) == n_steps


def test_duplicate_texts_count_once(teacher, model):
    once, losses = learned(teacher, model=model)
    twice, losses_of_twice = learned(teacher, [text for text in TEXTS for _ in range(2)], model=model)
    np.testing.assert_array_equal(losses, losses_of_twice)
    assert weights_of(once) == weights_of(twice)


ODD = {
    "a single text": ["bread and cheese"],
    "the empty text alone": [""],
    "the empty text among others": ["", "bread", " "],
    "unknown words": ["日本", "🎻"],
    "long texts": ["bread " * 2000, "tennis " * 2000],
}


@pytest.mark.parametrize("case", ODD)
def test_odd_texts_are_learned_from(teacher, model, case):
    unknown = pytest.warns(UserWarning, match="2 of 2 distinct texts consist mostly of tokens that the model does not")
    with unknown if case == "unknown words" else nullcontext():
        student, losses = learned(teacher, ODD[case], model=model, batch_size=100)
    assert len(losses) == 3
    assert np.isfinite(losses).all()
    assert np.isfinite(student.encode([*ODD[case], *NEW])).all()


# -- what is left alone


def test_equal_seeds_give_equal_bits(teacher, model):
    (one, losses), (other, again) = (learned(teacher, model=model) for _ in range(2))
    np.testing.assert_array_equal(losses, again)
    assert weights_of(one) == weights_of(other)
    _, of_another_seed = learned(teacher, model=model, seed=1)
    assert not np.array_equal(losses, of_another_seed)


def test_the_teacher_stays_as_it_was(tiny_model, model):
    teacher = load_body(tiny_model, device="cpu")
    before, wanted = weights_of(teacher), [each.requires_grad for each in teacher.parameters()]
    tokenizer = teacher.tokenizer.to_str()
    learned(teacher, model=model, **STEPS)
    assert weights_of(teacher) == before
    assert [each.requires_grad for each in teacher.parameters()] == wanted
    assert teacher.tokenizer.to_str() == tokenizer


def test_global_generators_and_settings_are_left_alone(teacher, model):
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)

    def states():
        numpys = np.random.get_state()
        return random.getstate(), numpys[1].tolist(), numpys[2], torch.get_rng_state().tolist(), torch.get_num_threads()

    before = states()
    learned(teacher, model=model)
    assert states() == before


@pytest.mark.parametrize("around", [torch.inference_mode, torch.no_grad])
def test_student_made_under_no_grad_is_trainable(teacher, model, around):
    expected, losses = learned(teacher, model=model)
    with around():
        student, same = learned(teacher, model=model)
    np.testing.assert_array_equal(losses, same)
    assert weights_of(student) == weights_of(expected)
    assert not any(tensor.is_inference() for tensor in student.state_dict().values())
    loss = student(student.tokenize(NEW[:2]).tokens).square().sum()
    loss.backward()  # which torch refuses for what was built in inference mode


def test_a_student_is_saved_and_read_with_equal_embeddings(teacher, model):
    student, _ = learned(teacher, model=model)
    again = body_from_state(body_to_state(student), torch.device("cpu"))
    np.testing.assert_array_equal(again.encode(NEW), student.encode(NEW))


def test_nothing_is_printed_unless_it_is_asked_for(teacher, model, capfd):
    learned(teacher, model=model)
    assert capfd.readouterr() == ("", "")
    learned(teacher, model=model, verbose=1)
    output = capfd.readouterr()
    assert output.out == "[sksetfit] 60 distinct texts: 3 steps of 16 of them on cpu\n"
    assert "tuning: 100%" in output.err


# -- what is refused

REFUSED = {
    "more layers than there are": ({"n_layers": 3}, "n_layers=3 is more than the 2 layers"),
    "a device that is not there": ({"device": "abacus"}, "device='abacus' cannot be used on this machine"),
    "a device that is not there, for a table": ({"device": "abacus", "model": "static"}, "device='abacus' cannot be"),
    "a model that is not there": ({"model": "/no/such/folder"}, "model='/no/such/folder' was not found"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_parameters_raise_before_teacher_predicts(tiny_model, monkeypatch, case):
    changes, message = REFUSED[case]
    teacher = load_body(tiny_model, device="cpu")
    for name in ("encode", "encode_tokens"):
        monkeypatch.setattr(teacher, name, lambda *arguments: pytest.fail("the teacher was asked for its embeddings"))
    with pytest.raises(ValueError, match=message):
        learned(teacher, **changes)


@pytest.mark.parametrize("model", [None, "static"])
def test_a_table_has_no_smaller_student(teacher, model):
    table, _ = learned(teacher, model="static")
    with pytest.raises(ValueError, match=r"has no layers of its own|is a table of tokens already"):
        learned(table, model=model)


def test_a_transformer_may_learn_from_a_table(teacher, tiny_model):
    table, _ = learned(teacher, model="static")
    student, _ = learned(table, model=tiny_model, **STEPS)
    assert distance(student, table) < 0.3


@pytest.mark.parametrize("model", [None, "static"])
def test_rate_that_is_too_high_raises(teacher, model):
    with pytest.raises(ValueError, match=r"The tuning diverged: .* Lower learning_rate \(it was 1e\+38\)"):
        learned(teacher, model=model, learning_rate=1e38, max_steps=20)


@pytest.mark.parametrize("long_texts", ["truncate", "windows"])
def test_a_student_of_all_layers_has_nothing_to_learn_of_long_texts(tiny_model, long_texts):
    teacher = load_body(tiny_model, max_seq_length=12, device="cpu")
    teacher.long_texts = long_texts
    _, losses = learned(teacher, ["bread " * 30 + "tennis " * 30, "piano jazz " * 20], n_layers=2, max_steps=1)
    assert losses[0] < 1e-9
