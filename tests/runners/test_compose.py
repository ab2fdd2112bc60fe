import re

import pytest
from composing import compose_config
from omegaconf import OmegaConf
from omegaconf.errors import ReadonlyConfigError

from sam2track.benchmark.protocols import PROTOCOLS
from sam2track.benchmark.trackers import TRACKERS
from sam2track.cli import VERBS
from sam2track.prompts.simulated_user import PROMPTS
from sam2track.runners import CONFIGS
from sam2track.runners.compose import flat, refuse_repeated
from sam2track.runners.help import describe
from sam2track.runners.tracker import make_memory
from sam2track.runners.values import KINDS, checked

VIDEO = "video=clip.mp4"
CHOICES = {path: path.stem for path in CONFIGS.glob("*/*.yaml")}
MEMORIES = sorted(name for path, name in CHOICES.items() if path.parent.name == "memory")


def test_defaults():
    config = compose_config("track", [VIDEO])
    assert (config.model, config.device, config.fill_hole_area) == ("nano", "auto", None)
    assert config.click is None
    assert list(config.sinks) == ["png", "overlay", "coco", "preview"]
    assert (config.memory.recent, config.memory.pointers) == (None, 16)


@pytest.mark.parametrize(
    ("argument", "key", "value"),
    [
        ("click=[320,240]", "click", [320, 240]),
        ("click=[[1,2],[3.5,4]]", "click", [[1, 2], [3.5, 4]]),
        ("labels=[1,0]", "labels", [1, 0]),
        ("box=[100,80,300,260]", "box", [100, 80, 300, 260]),
        ("video=0", "video", "0"),
        ("video=rtsp://u:p@host/1?a=1&b=2", "video", "rtsp://u:p@host/1?a=1&b=2"),
        ("video=it's 50% (1) = ${done}, #2 Ünï.mp4", "video", "it's 50% (1) = ${done}, #2 Ünï.mp4"),
        ("checkpoint=/path/sam2.1_hiera_tiny.pt", "checkpoint", "/path/sam2.1_hiera_tiny.pt"),
        ("model=sam2.1_hiera_tiny", "model", "sam2.1_hiera_tiny"),
        ("device=cuda:1", "device", "cuda:1"),
        ("compile=true", "compile", True),
        ("frames=null", "frames", None),
        ("sharpen=false", "sharpen", False),
        ("fps=12.5", "fps", 12.5),
        ("direction=both", "direction", "both"),
        (r"out=a\${b}\\", "out", r"a\${b}\\"),
        ("direction=-1", "direction", -1),
        ("memory.recent=3", "memory.recent", 3),
        ("out=", "out", None),
    ],
)
def test_a_setting_arrives_as_it_was_written(argument, key, value):
    config = compose_config("track", [VIDEO, argument])
    found = OmegaConf.select(config, key)
    assert (OmegaConf.to_container(found) if OmegaConf.is_config(found) else found) == value


def test_groups_are_chosen_by_name():
    config = compose_config("track", [VIDEO, "sinks=[png,coco]", "memory=fifo"])
    assert list(config.sinks) == ["png", "coco"]
    assert list(compose_config("track", [VIDEO, "sinks=preview"]).sinks) == ["preview"]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("vidoe=clip.mp4", "no option 'vidoe'; did you mean video?"),
        ("xyzzy=1", "no option 'xyzzy'; there are: "),
        ("clip.mp4", "did you mean video=clip.mp4?"),
        ("--video=clip.mp4", "did you mean video=clip.mp4?"),
        ("--fill-hole-area=8", "did you mean fill_hole_area=8?"),
        ("click", "did you mean click=...?"),
        ("--verbose", "settings are key=value, without dashes"),
        ("+new=1", "no option '+new'"),
        ("memory=fifoo", "memory=fifoo: no 'fifoo'; did you mean fifo?"),
        ("memory=[fifo,fifo]", "choose one of"),
        ("sinks=[png,overlya]", "no 'overlya'; did you mean overlay?"),
        ("memory.recnt=3", "no setting of memory: 'recnt'; did you mean recent?"),
        ("memory.recent=many", "memory.recent=many: must be a whole number"),
        ("model.name=nano", "model has no settings of its own"),
        ("sinks.png=1", "give one of its settings"),
        ("frame=1.5", "frame=1.5: must be a whole number"),
        ("compile=1", "compile=1: must be true or false"),
        ("frames=abc", "frames=abc: must be a whole number from 1, or null"),
        ("threads=0", "threads=0: must be a whole number from 1 up to 4096, or null"),
        ("fps=fast", "fps=fast: must be a number from 0.001 up to 1000, or null"),
        ("sharpen=maybe", "sharpen=maybe: must be true or false, or null"),
        ("direction=bot", "direction=bot: must be 1, -1, 0 or both; did you mean both?"),
        ("video_reader=pyva", "did you mean pyav?"),
        ("remove_specks=-1", "remove_specks=-1: must be a number from 0, or null"),
        ("memory.recent=-1", "memory.recent=-1: must be a whole number from 0, or null"),
        ("video=~nobody_at_all/a.mp4", "no user 'nobody_at_all'; write ./~nobody_at_all/a.mp4"),
        ("dataset=davis17", "no option 'dataset'; there are: video, "),
        ("stability_delta=wide", "must be a number"),
        ("model=[nano]", "must be a name"),
        ("click=[1,2", "click=[1,2 cannot be read; write a list without spaces"),
        ("fill_hole_area=4,8", "gives several values"),
        ("memory=fifo,motion", "gives several values"),
        ("--click=430,110", "did you mean click=[430,110]?"),
        ("sinks=[png,csv]", "exchange format: sinks=[png,exchange] sinks.exchange.format=csv"),
        ("sinks.exchange.format=csv", "add it: sinks=[png,overlay,coco,preview,exchange]"),
        ("sinks.exhange.format=csv", "no setting of sinks: 'exhange'"),
    ],
)
def test_what_cannot_be_set_is_said(argument, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        compose_config("track", [VIDEO, argument])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("option", ["video", "--video"])
def test_a_value_that_stands_apart(option):
    with pytest.raises(ValueError, match=re.escape("did you mean video=videos/cup.mp4?")):
        compose_config("track", [option, "videos/cup.mp4", "click=[1,2]"])


@pytest.mark.parametrize(
    "words", ["--click 430 110", "--click 430,110 out=a", "click=430 110", "click 430 110"]
)
def test_a_click_without_brackets(words):
    with pytest.raises(ValueError, match=re.escape("did you mean click=[430,110]?")):
        compose_config("track", [VIDEO, *words.split()])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["click=[430,110]", "click=[500,150]"],
            "click= is given twice; several clicks of one object: click=[[430,110],[500,150]]; "
            "several objects: prompts=FILE",
        ),
        (
            ["click=[[1,2],[3,4]]", "click=[5,6]", "click=[7,8]"],
            "click= is given 3 times; several clicks of one object: "
            "click=[[1,2],[3,4],[5,6],[7,8]]; several objects: prompts=FILE",
        ),
        (["box=[1,2,3,4]", "box=[5,6,7,8]"], "box= is given twice; several objects: prompts=FILE"),
    ],
)
def test_a_prompt_that_is_given_twice(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        refuse_repeated("track", [VIDEO, *arguments])


def test_other_keys_may_be_given_twice():
    arguments = [
        "frames=3",
        "frames=4",
        "memory=fifo,motion",
        "memory.recent=3",
        "~sinks.png",
        "+sinks.png={}",
        "frame=1",
    ]
    refuse_repeated("track", [VIDEO, *arguments])


def test_a_list_that_the_shell_cut():
    with pytest.raises(ValueError, match=re.escape("without spaces: click=[1,2]")):
        compose_config("track", [VIDEO, "click=[1,", "2]"])


def test_what_is_no_setting_of_another_verb():
    with pytest.raises(ValueError, match=re.escape("'out' is not key=value; did you mean out=a?")):
        compose_config("train", ["out", "a"])
    with pytest.raises(ValueError, match=re.escape("sam2track train --help lists")):
        compose_config("train", ["pictures"])


def test_a_number_may_be_whole_where_it_need_not_be():
    assert compose_config("track", [VIDEO, "stability_delta=0"]).stability_delta == 0


def test_choices_are_those_that_the_code_knows():
    assert KINDS["tracker"].choices == tuple(TRACKERS)
    assert KINDS["protocol"].choices == tuple(PROTOCOLS)
    assert KINDS["prompt"].choices == KINDS["evaluate.prompt"].choices == tuple(PROMPTS)


def test_every_default_is_a_value_that_its_setting_may_have():
    for verb in VERBS:
        for recipe in ("nano", "finetune", "sam2") if verb == "train" else (None,):
            arguments = [] if recipe is None else [f"recipe={recipe}"]
            config = compose_config(verb, arguments)
            settings = flat(OmegaConf.to_container(config, resolve=False))
            for key, value in settings.items():
                assert value == "???" or checked(verb, key, value, value) == value, key


def test_lists_and_groups_may_be_added_to():
    config = compose_config("track", [VIDEO, "+sinks.more={_target_:x.y}", "~sinks.preview"])
    assert list(config.sinks) == ["png", "overlay", "coco", "more"]


def test_a_file_lies_between_defaults_and_arguments(tmp_path):
    earlier = compose_config("track", [VIDEO, "click=[1,2]", "sinks=[png]", "memory.recent=3"])
    OmegaConf.save(earlier, tmp_path / "run.yaml")
    path = str(tmp_path / "run.yaml")
    assert compose_config("track", [], path) == earlier
    later = compose_config("track", ["video=b.mp4", "sinks=[coco]", "memory.pointers=8"], path)
    assert (later.video, later.click) == ("b.mp4", [1, 2])
    assert list(later.sinks) == ["coco"]
    assert (later.memory.recent, later.memory.pointers) == (3, 8)


def test_a_file_keeps_names_and_may_be_set_to_null(tmp_path):
    name = r"it's \${x} 50% \\${y}.mp4"
    OmegaConf.save(compose_config("track", [f"video={name}", "threads=2"]), tmp_path / "run.yaml")
    again = compose_config("track", ["threads=null"], str(tmp_path / "run.yaml"))
    assert (again.video, again.threads) == (name, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read: No such file"),
        ("a: [", "is not YAML"),
        ("- 1", "holds no settings"),
        ("vidoe: x", "did you mean video?"),
        ("frame: first", "must be a whole number"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, text, message):
    path = tmp_path / "run.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        compose_config("track", [VIDEO], str(path))


def test_a_composed_configuration_does_not_change():
    config = compose_config("track", [VIDEO])
    with pytest.raises(ReadonlyConfigError):
        config.frame = 3


@pytest.mark.parametrize("choice", MEMORIES)
def test_every_memory_policy_can_be_made(choice):
    factory = make_memory(compose_config("track", [VIDEO, f"memory={choice}"]))
    factory = factory.of("fifo", 6) if choice == "auto" else factory
    assert factory(span=16, archive=None).recall(0, 1)


def test_only_the_automatic_memory_takes_its_length_from_the_model():
    config = compose_config("track", [VIDEO, "memory=fifo", "memory.recent=null"])
    with pytest.raises(ValueError, match=r"memory\.recent=null: only memory=auto takes null"):
        make_memory(config)


def test_help_names_every_option_and_choice():
    text = describe("track")
    settings = compose_config("track", [VIDEO])
    for key in settings:
        assert f"  {key}=" in text or f"\n{key}=" in text
    for path, choice in CHOICES.items():
        assert (f"  {choice} " in text) == (path.parent.name in settings), path


def test_help_has_the_settings_of_a_choice_that_is_named():
    text = describe("track", ["memory=tree", "sinks=[png,exchange]"])
    assert "memory.pathways=3" in text
    assert "sinks.exchange.format=coco" in text
    assert "memory.trusted" not in text  # of another choice
    assert "memory=NAME --help" not in text
    assert "memory.pathways=3" in describe("track", ["+memory=tree"])
    assert "memory=NAME --help" in describe("track", ["memory=tre"])
    short = describe("track", ["video=tree"])
    assert "memory.pathways" not in short
    assert "(sam2track track memory=NAME --help lists its settings, if any)" in short
