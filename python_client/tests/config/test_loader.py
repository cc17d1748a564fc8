"""A config is read as written, and whatever is wrong in it is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from oxidizedvision.config import (
    RUNNER_NAMES,
    Config,
    load_config,
    resolve_checkpoint,
    resolve_model_path,
)
from oxidizedvision.core.errors import ExitCode, Kind, OxidizedVisionError

SMALLEST = "model: {path: model.py, class_name: Net, input_shape: [1, 3, 8, 8]}\n"

# The schema of the project's first design, every key and default.
WHOLE = """\
model:
  path: examples/example_unet/model.py
  class_name: UNet
  input_shape: [1, 3, 256, 256]
  checkpoint: null
export:
  opset_version: 14
  do_constant_folding: true
  output_dir: out
  model_name: model
runners:
  - name: tract
    optimize: true
  - name: tch
    use_cuda: true
validation:
  num_tests: 1
  tolerance_mae: 1e-5
  tolerance_cos_sim: 0.999
optimize:
  simplify: true
  quantize: null
  constant_folding: true
benchmark:
  iters: 100
  batch_size: 1
  warmup_iters: 10
  device: cpu
"""


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.yml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(path: Path, kind: Kind = Kind.CONFIG) -> OxidizedVisionError:
    with pytest.raises(OxidizedVisionError) as caught:
        load_config(path)
    assert caught.value.kind is kind
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    assert caught.value.hint
    return caught.value


def test_whole_schema_is_read(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, WHOLE))
    assert config.model.class_name == "UNet"
    assert config.model.input_shape == [1, 3, 256, 256]
    assert [(runner.name, runner.use_cuda) for runner in config.runners] == [
        ("tract", False),
        ("tch", True),
    ]
    assert config.validation.tolerance_mae == 1e-5


def test_defaults_are_those_of_the_schema(tmp_path: Path) -> None:
    whole = load_config(write(tmp_path, WHOLE)).model_dump(exclude={"model", "runners"})
    smallest = load_config(write(tmp_path, SMALLEST)).model_dump(exclude={"model", "runners"})
    assert smallest == whole


def test_config_remembers_its_file_and_what_was_written(tmp_path: Path) -> None:
    path = write(tmp_path, SMALLEST + "export: {output_dir: there}\n")
    config = load_config(path)
    assert config.path == path
    assert "path" not in config.model_dump()
    assert config.export.model_fields_set == {"output_dir"}
    assert load_config(config) is config


def test_copy_keeps_the_file() -> None:
    config = Config.model_validate(
        {"model": {"path": "m.py", "class_name": "N", "input_shape": [1]}}
    )
    config._path = Path("config.yml")
    assert config.model_copy(update={"runners": []}).path == Path("config.yml")


# Each line is wrong alone: what follows SMALLEST, its line in the file, what the message says.
PROBLEMS = [
    ("export: {opset: 13}", "export.opset: unknown key; did you mean 'opset_version'?"),
    ("exports: {}", "exports: unknown key; did you mean 'export'?"),
    ("export: {opset_version: fourteen}", "export.opset_version: expected a whole number, got"),
    ("export: {opset_version: '14'}", "expected a whole number, got the text '14'"),
    ("export: {opset_version: true}", "expected a whole number, got true"),
    ("export: {opset_version: 0}", "expected at least 1, got 0"),
    ("export: {do_constant_folding: yes}", "expected true or false, got the text 'yes'"),
    ("export: {model_name: ../x}", "export.model_name: expected a file name"),
    (f"export: {{model_name: {'x' * 129}}}", "expected a file name of at most 128 letters"),
    ("export: {output_dir: ''}", "expected text that is not empty"),
    (
        "export: {exporter: onnx}",
        "expected one of 'auto', 'dynamo', 'torchscript' or 'script', got",
    ),
    ("export: {dynamic_axes: {input: {0: {name: b, mni: 2}}}}", "mni: unknown key; did you mean"),
    ("export: {dynamic_axes: {input: {0: {name: b, min: 0}}}}", "expected more than 0, got 0"),
    ("export: {dynamic_axes: {input: {0: {name: b, min: 5, max: 4}}}}", "no multiple of 1 lies"),
    ("export: {dynamic_axes: {input: {0: {name: b, min: 50}}}}", "is outside its own range"),
    ("export: {dynamic_axes: {input: {0: 3}}}", "expected"),
    ("export: {dynamic_axes: {inptu: {0: batch}}}", "unknown input 'inptu'"),
    ("export: {dynamic_axes: {input: {9: batch}}}", "there is no axis 9"),
    ("export: {dynamic_axes: {input: {0: a b}}}", "cannot name an axis"),
    ("export: 3", "export: expected keys and values, got 3"),
    ("runners: [{name: tracct}]", "runners[0].name: unknown runner; did you mean 'tract'?"),
    ("runners: [{optimize: true}]", "runners[0].name: missing"),
    ("runners: tract", "runners: expected a list, got the text 'tract'"),
    ("optimize: {quantize: int4}", "expected one of 'int8', 'int8-dynamic' or 'fp16' or null, got"),
    ("benchmark: {device: gpu}", "expected 'cpu', 'cuda' or 'cuda:N', got the text 'gpu'"),
    ("benchmark: {iters: 1.5}", "benchmark.iters: expected a whole number, got 1.5"),
    ("validation: {tolerance_mae: .nan}", "expected a finite number, got nan"),
    ("validation: {tolerance_mae: -1}", "expected at least 0"),
    ("schema_version: 2", "schema_version: expected one of 1, got 2"),
    ("preprocess: {color: cmyk}", "preprocess.color: expected one of 'rgb', 'bgr' or 'gray'"),
    ("preprocess: {mean: [1, 2]}", "preprocess.mean: expected 1 or 3 numbers"),
    ("preprocess: {std: [0]}", "preprocess.std[0]: expected more than 0"),
    ("preprocess: {resize: {width: 3}}", "preprocess.resize.height: missing"),
    ("preprocess: {resiz: null}", "preprocess.resiz: unknown key; did you mean 'resize'?"),
    ("postprocess: {kind: boxes}", "expected kind to be one of 'image', 'classification'"),
    ("postprocess: {color: rgb}", "postprocess: expected a kind"),
    ("postprocess: {kind: image, scal: 1}", "postprocess.scal: unknown key; did you mean 'scale'?"),
    ("postprocess: {kind: raw, scale: 1}", "postprocess.scale: unknown key"),
]


@pytest.mark.parametrize(("text", "expected"), PROBLEMS, ids=[text for text, _ in PROBLEMS])
def test_problem_is_named_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    path = write(tmp_path, f"{SMALLEST}\n{text}\n")
    message = refused(path).message
    assert expected in message
    assert message.startswith(f"{path}, line 3: ")
    assert len(message.splitlines()) == 1


MODEL_PROBLEMS = [
    ("{class_name: N, input_shape: [1]}", "model.path: missing"),
    ("{path: m.py, input_shape: [1]}", "model.class_name: missing"),
    ("{path: m.py, class_name: N}", "model.input_shape: missing"),
    ("{path: m.py, class_name: N, input_shape: [1], inputs: [{name: a, shape: [1]}]}", "either"),
    ("{path: m.py, class_name: N, inputs: [{name: a b, shape: [1]}]}", "inputs[0].name: expected"),
    ("{path: m.py, class_name: N, inputs: [{name: a, shape: [1], dtype: f8}]}", "dtype: expected"),
    ("{path: m.py, class_name: N, inputs: [{name: a, shape: [1], low: 2}]}", "low and high"),
    ("{path: m.py, class_name: N, inputs: [{name: a}]}", "model.inputs[0].shape: missing"),
    ("{path: m.py, class_name: N, input_shape: [1], outputs: [input]}", "is an input's name"),
    ("{path: m.py, class_name: N, input_shape: []}", "expected a list that is not empty"),
    ("{path: m.py, class_name: N, input_shape: [1, 0]}", "input_shape[1]: expected more than 0"),
    ("{path: m.py, class_name: N, input_shape: [1, -3]}", "expected more than 0, got -3"),
    ("{path: m.py, class_name: N, input_shape: '1,3'}", "expected a list, got the text '1,3'"),
    ("{path: m.py, class_name: N, input_shape: [1, x]}", "input_shape[1]: expected a whole"),
    ("{path: m.py, class_name: 1N, input_shape: [1]}", "expected the name of a Python class"),
    ("{path: 7, class_name: N, input_shape: [1]}", "model.path: expected text, got 7"),
    ("{path: m.py, class_name: N, input_shape: [1, 99999, 99999]}", "at most 2147483648 values"),
]


@pytest.mark.parametrize(("text", "expected"), MODEL_PROBLEMS, ids=[e for _, e in MODEL_PROBLEMS])
def test_problem_of_the_model_is_named(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in refused(write(tmp_path, f"model: {text}\n")).message


def test_all_problems_come_together_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = "model:\n  path: m.py\n  clas_name: N\n  input_shape: 3\nbenchmark:\n  iters: no\n"
    lines = refused(write(tmp_path, text)).message.splitlines()
    assert [line.partition(", line ")[2].partition(":")[0] for line in lines] == list("1346")


UNREADABLE = [
    (b"", "the file is empty"),
    (b"# only a comment\n", "the file is empty"),
    (b"- a\n- b\n", "got a list"),
    (b"word\n", "got a single value"),
    (b"model:\n  path: [1\nexport: {}\n", "line 3"),
    (b"model: {a: 1}\nmodel: {b: 1}\n", "line 2: duplicate key 'model'"),
    (b"model:\n\tpath: x\n", "line 2"),
    (b"\xff\xfe\x00m", "line 1: not UTF-8"),
    (b"a: b\n\n# caf\xe9\n", "line 3: not UTF-8"),
    (b"[" * 5000, "nested too deeply"),
    (b"model: &a [*a]\n", ""),
    (b"model: !!python/object/apply:os.getcwd []\n", ""),
    (b"a: \x00\n", ""),
    (b"x" * (1 << 21), "larger than"),
]


@pytest.mark.parametrize(("content", "expected"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_file_that_is_no_config(tmp_path: Path, content: bytes, expected: str) -> None:
    path = write(tmp_path, content)
    error = refused(path)
    assert str(path) in error.message
    assert expected in error.message


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("model.pt", b"PK\x03\x04\x00\xcb", "a binary file and no config", "config init"),
        ("model.py", b"class Net: pass\n", "a Python file and no config", "config init {path}"),
        ("utf16.yml", "model: {}".encode("utf-16"), "line 1: not UTF-8", "UTF-8"),
    ],
)
def test_a_file_of_another_sort_is_told_from_a_damaged_config(
    tmp_path: Path, name: str, content: bytes, message: str, hint: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    error = refused(path)
    assert message in error.message
    assert hint.format(path=path) in error.hint


def test_channels_are_counted_only_where_the_color_is_known(tmp_path: Path) -> None:
    message = refused(write(tmp_path, "preprocess: {color: rbg, mean: [1, 2], std: [1]}\n")).message
    assert "preprocess.color" in message
    assert "preprocess.mean" not in message


def test_aliases_of_aliases_do_not_fill_the_memory(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "more than" in refused(write(tmp_path, "\n".join(levels))).message


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert str(tmp_path / "no.yml") in refused(tmp_path / "no.yml", Kind.NOT_FOUND).message
    assert "is a folder" in refused(tmp_path).message


def test_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbf" + SMALLEST.encode())
    assert load_config(path).model.class_name == "Net"


def test_model_is_looked_for_beside_the_config_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside, current = tmp_path / "beside", tmp_path / "current"
    beside.mkdir()
    current.mkdir()
    monkeypatch.chdir(current)
    config = load_config(write(beside, SMALLEST))
    with pytest.raises(OxidizedVisionError) as caught:
        resolve_model_path(config)
    assert caught.value.kind is Kind.NOT_FOUND
    assert str(beside / "model.py") in caught.value.message
    assert str(current / "model.py") in caught.value.message
    (current / "model.py").touch()
    assert resolve_model_path(config) == current / "model.py"
    (beside / "model.py").touch()
    assert resolve_model_path(config) == beside / "model.py"


def test_checkpoint_is_resolved_alike(tmp_path: Path) -> None:
    text = SMALLEST.replace("}", ", checkpoint: w.safetensors}")
    config = load_config(write(tmp_path, text))
    with pytest.raises(OxidizedVisionError, match=r"model\.checkpoint: there is no file"):
        resolve_checkpoint(config)
    (tmp_path / "w.safetensors").touch()
    assert resolve_checkpoint(config) == tmp_path / "w.safetensors"
    assert resolve_checkpoint(load_config(write(tmp_path, SMALLEST))) is None


def test_module_reference_needs_no_class(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "model: {path: 'a.b:make', input_shape: [1]}\n"))
    assert config.model.module_reference == ("a.b", "make")
    with pytest.raises(OxidizedVisionError, match="a module and not a file"):
        resolve_model_path(config)


def test_runner_names_are_those_of_the_table() -> None:
    from oxidizedvision.runners import NAMES

    assert RUNNER_NAMES == NAMES
