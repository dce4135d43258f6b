import json

import pytest

from pipelines.core.locate import line_of

SOURCE = """{
  "name": "Release",
  "stages": [
    {"refId": "1", "type": "wait",
     "waitTime": -1},
    {
      "refId": "2"
    }
  ]
}"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 1),
        ("name", 2),
        ("stages", 3),
        ("stages[0]", 4),
        ("stages[0].waitTime", 5),
        ("stages[1]", 6),
        ("stages[1].refId", 7),
        ("stages[1].type", 6),
        ("stages[7].type", 3),
        ("name.deeper", 2),
    ],
)
def test_a_path_leads_to_its_line(path, line):
    assert line_of(SOURCE, path) == line


@pytest.mark.parametrize("source", ["", "{", '{"stages": [', "not json", "[]", '{"a" 1}'])
def test_broken_text_leads_somewhere(source):
    assert line_of(source, "stages[1].type") == 1


def test_the_line_is_right_however_the_text_is_laid_out():
    document = {"stages": [{"refId": str(n), "nested": {"a": [1, {"b": "x,]}"}]}} for n in range(20)]}
    source = json.dumps(document, indent=3)
    assert source.splitlines()[line_of(source, "stages[13].refId") - 1].strip() == '"refId": "13",'
