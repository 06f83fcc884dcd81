"""One test a function: what it gives, and what it refuses."""

from __future__ import annotations

import pytest

from global_heat.model.names import Path
from global_heat.model.values import Unknown
from global_heat.template.values import Origin
from global_heat.template.view import NothingYet
from tests.unit.template.compiling import compile_text, error_of, evaluate, faults_of, output_of

PARAMETERS = """
parameters:
  s: {type: string, default: hello}
  l: {type: comma_delimited_list, default: "a,b,c"}
  j: {type: json, default: {k: [10, {deep: x}], "1": one}}
  name: {type: string, default: j}
"""


def given(expression: str, version: str = "2021-04-16") -> object:
    return evaluate(expression, version, declared=PARAMETERS)


def test_get_param() -> None:
    assert given("{get_param: s}") == "hello"
    assert given("{get_param: [j, k, 1, deep]}") == "x"
    assert given('{get_param: [j, k, "0"]}') == 10
    assert given("{get_param: [{get_param: name}, '1']}") == "one"
    assert given("{get_param: [l, -1]}") == "c"
    assert given("{get_param: [l, 9]}") == ""
    assert given("{get_param: [s, 0]}") == "h"
    assert given("{get_param: 'OS::stack_name'}") == "stack"
    assert given("{get_param: 'OS::project_id'}") == "project"
    assert "no parameter nope" in error_of("{get_param: nope}")
    assert "name" in error_of("{get_param: []}")
    assert "name" in error_of("{get_param: 5}")


def test_get_param_of_an_unknown_name_is_a_fault_at_once_in_a_resource() -> None:
    found = faults_of('resources: {r: {type: "OS::Heat::Value", properties: {value: {get_param: nope}}}}')
    assert list(found) == ["resources.r.properties.value.get_param"]


R = Path("r")
VALUE = 'resources: {r: {type: "OS::Heat::Value", properties: {value: x}}}'


def test_get_attr() -> None:
    assert evaluate("{get_attr: [r, value, k, 0]}", declared=VALUE) == Origin("r.value", R, "value", ("k", 0))
    assert evaluate("{get_attr: [r]}", declared=VALUE) == {"value": Origin("r.value", R, "value")}
    assert "no attribute nope; it has value" in error_of("{get_attr: [r, nope]}", declared=VALUE)
    assert "no resource zz" in error_of("{get_attr: [zz, value]}", declared=VALUE)
    assert "[resource, attribute" in error_of("{get_attr: [r]}", "2014-10-16", declared=VALUE)
    assert "beforehand" in error_of("{get_attr: [r, {get_attr: [r, value]}]}", declared=VALUE)


def test_get_resource() -> None:
    assert evaluate("{get_resource: r}", declared=VALUE) == Origin("r", R)
    assert "no resource zz" in error_of("{get_resource: zz}", declared=VALUE)
    assert "a resource's name" in error_of("{get_resource: [r]}", declared=VALUE)


def test_get_file() -> None:
    files = {"a.txt": "text\n"}
    assert evaluate("{get_file: a.txt}", files=files) == "text\n"
    assert 'no file "/etc/passwd"' in error_of("{get_file: /etc/passwd}", files=files)
    assert 'no file "../a.txt"' in error_of("{get_file: ../a.txt}", files=files)


def test_str_replace() -> None:
    assert evaluate("{str_replace: {template: abc ab a, params: {a: 1, ab: 2, abc: 3}}}") == "3 2 1"
    assert evaluate("{str_replace: {template: A B, params: {A: B, B: C}}}") == "B C"
    assert evaluate("{str_replace: {template: abcd, params: {bcd: X, ab: Y}}}") == "aX"
    assert evaluate("{str_replace: {template: 'J b N', params: {J: {b: [1], a: é}, b: true, N: null}}}") == (
        '{"a": "\\u00e9", "b": [1]} True '
    )
    assert "params" in error_of("{str_replace: [a, b]}")
    assert "empty" in error_of("{str_replace: {template: abc, params: {'': X}}}")
    assert "text or a number" in error_of(
        "{str_replace: {template: L, params: {L: [a]}}}", version="2013-05-23"
    )


def test_str_replace_strict() -> None:
    assert evaluate("{str_replace_strict: {template: a-b, params: {a: '', b: B}}}") == "-B"
    assert "does not hold zz" in error_of("{str_replace_strict: {template: abc, params: {a: X, zz: Y}}}")
    assert "does not hold b" in error_of("{str_replace_strict: {template: abc, params: {abc: X, b: Y}}}")


def test_str_replace_vstrict() -> None:
    assert evaluate("{str_replace_vstrict: {template: a-b, params: {a: 0, b: false}}}") == "0-False"
    assert "value of a is empty" in error_of("{str_replace_vstrict: {template: a, params: {a: ''}}}")
    assert "does not hold z" in error_of("{str_replace_vstrict: {template: a, params: {a: 1, z: 2}}}")


def test_texts_cannot_be_multiplied_without_end() -> None:
    expression = "x" * 1000
    for _ in range(20):
        expression = f"{{str_replace: {{template: {'x' * 100}, params: {{x: {expression}}}}}}}"
    assert "longer than" in error_of(expression)


def test_str_split() -> None:
    assert evaluate("{str_split: [',', 'a,b']}") == ["a", "b"]
    assert evaluate("{str_split: [',', 'a,b', 1]}") == "b"
    assert evaluate("{str_split: [',', null]}") is None
    assert "from 0 to 1" in error_of("{str_split: [',', 'a,b', 2]}")
    assert "separator" in error_of("{str_split: ['', abc]}")
    assert "[separator, text]" in error_of("{str_split: 'a,b'}")


def test_list_join() -> None:
    assert evaluate("{list_join: ['-', [a, b], '', [c, null, {k: [1]}]]}") == 'a-b-c--{"k": [1]}'
    assert "put numbers in quotes" in error_of("{list_join: ['-', [a, 1]]}")
    assert "a list to join" in error_of("{list_join: ['-', abc]}")
    assert "[separator, list]" in error_of("{list_join: ['-', [a], [b]]}", version="2015-04-30")


def test_list_concat() -> None:
    assert evaluate("{list_concat: [[a], null, [b, a]]}") == ["a", "b", "a"]
    assert evaluate("{list_concat_unique: [[a, b, [x]], [b, [x], c]]}") == ["a", "b", ["x"], "c"]
    assert "list of lists" in error_of("{list_concat: [[a], b]}")


def test_map_merge() -> None:
    assert evaluate("{map_merge: [{a: 1, b: 1}, null, {a: null}]}") == {"a": None, "b": 1}
    assert "list of maps" in error_of("{map_merge: {a: {b: c}, d: {}}}")


def test_map_replace() -> None:
    assert evaluate("{map_replace: [{a: x, b: y}, {keys: {a: A}, values: {x: X}}]}") == {"A": "X", "b": "y"}
    assert "is there already" in error_of("{map_replace: [{a: 1, b: 2}, {keys: {a: c, b: c}}]}")
    assert "keys and values" in error_of("{map_replace: [{a: 1}, {key: {}}]}")


def test_repeat() -> None:
    both = "{repeat: {template: '%a%%b%', for_each: {'%a%': [1x, 2x], '%b%': [p, q]}"
    assert evaluate(both + "}}") == ["1xp", "1xq", "2xp", "2xq"]
    assert evaluate(both + ", permutations: false}}") == ["1xp", "2xq"]
    assert evaluate("{repeat: {template: {k%a%: '%a%'}, for_each: {'%a%': {x: 1, y: 2}}}}") == [
        {"kx": "x"},
        {"ky": "y"},
    ]
    assert "same length" in error_of(
        "{repeat: {template: a, for_each: {'%a%': [x], '%b%': [p, q]}, permutations: false}}"
    )
    assert "must be texts" in error_of("{repeat: {template: n%a%, for_each: {'%a%': [1]}}}")


def test_repeat_cannot_make_endless_lists() -> None:
    many = "[" + ", ".join(["x"] * 400) + "]"
    assert "more than" in error_of(f"{{repeat: {{template: ab, for_each: {{a: {many}, b: {many}}}}}}}")


def test_digest() -> None:
    assert evaluate("{digest: [md5, hello]}") == "5d41402abc4b2a76b9719d911017c592"
    assert evaluate("{digest: [SHA1, hello]}") == "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"
    assert "sha256" in error_of("{digest: [nope, hello]}")


def test_filter() -> None:
    assert evaluate("{filter: [[a, 1], [a, b, '1', true]]}") == ["b", "1"]
    assert evaluate("{filter: [[a], null]}") is None
    assert "a list" in error_of("{filter: [[a], abc]}")


def test_make_url() -> None:
    parts = "scheme: http, username: u@x, password: 'p:/w', host: example.com, port: 80"
    more = "path: /a b, query: {k: v/1}, fragment: f g"
    assert evaluate(f"{{make_url: {{{parts}, {more}}}}}") == (
        "http://u%40x:p%3A%2Fw@example.com:80/a%20b?k=v/1#f%20g"
    )
    assert evaluate("{make_url: {scheme: https, host: '::1'}}") == "https://[::1]"
    assert "1 to 65535" in error_of("{make_url: {host: h, port: 65536}}")
    assert "found other" in error_of("{make_url: {host: h, other: x}}")


def test_contains() -> None:
    assert evaluate("{contains: [a, [a, b]]}") is True
    assert evaluate("{contains: [z, [a, b]]}") is False
    assert "a list to search" in error_of("{contains: [a, {a: 1, b: 2}]}")


CONDITIONS = "conditions: {yes_: true, no_: false, same: {equals: [{get_param: s}, hello]}}" + PARAMETERS


def decided(expression: str) -> object:
    return evaluate(expression, declared=CONDITIONS)


def test_if() -> None:
    assert decided("{if: [yes_, A, B]}") == "A"
    assert decided("{if: [same, {if: [no_, A, C]}, B]}") == "C"
    assert decided("{if: [{not: same}, A, B]}") == "B"
    assert decided("{a: 1, b: {if: [no_, X]}, c: [{if: [no_, X]}, Y]}") == {"a": 1, "c": ["Y"]}
    assert decided("{if: [yes_, A, {list_join: wrong}]}") == "A"
    assert "no condition zz" in error_of("{if: [zz, A, B]}", declared=CONDITIONS)
    assert "[condition" in error_of("{if: [yes_, A]}", "2018-08-31", declared=CONDITIONS)


def test_and_or_not_equals() -> None:
    assert decided("{if: [{and: [yes_, same]}, A, B]}") == "A"
    assert decided("{if: [{or: [no_, {not: same}]}, A, B]}") == "B"
    assert decided("{if: [{or: [yes_, zz]}, A, B]}") == "A"
    assert decided("{if: [{equals: [[1, {a: 2}], [1, {a: 2}]]}, A, B]}") == "A"
    assert "two or more" in error_of("{if: [{and: [yes_]}, A, B]}", declared=CONDITIONS)
    assert "[value, value]" in error_of("{if: [{equals: [1]}, A, B]}", declared=CONDITIONS)


def test_resource_facade() -> None:
    child = "heat_template_version: 2018-08-31\noutputs: {m: {value: {resource_facade: metadata}}}"
    text = "resources: {a: {type: c.yaml, metadata: {k: v}}}\noutputs: {o: {value: {get_attr: [a, m]}}}"
    assert compile_text(text, files={"c.yaml": child}).outputs(NothingYet())["o"].value == {"k": "v"}
    assert "stands for a resource" in error_of("{resource_facade: metadata}")


def test_a_version_has_the_functions_of_its_time() -> None:
    assert evaluate("{digest: [md5, x]}", "2014-10-16") == {"digest": ["md5", "x"]}
    assert evaluate("{get_parm: x}") == {"get_parm": "x"}
    assert evaluate("{get_param: s, x: 1}", declared=PARAMETERS) == {"get_param": "s", "x": 1}
    assert "no such function" in error_of("{'Fn::Join': ['-', [a]]}")
    assert evaluate("{'Fn::Join': ['-', [a, b]]}", "2013-05-23") == "a-b"


@pytest.mark.parametrize("version", ["2013-05-23", "2015-10-15", "2017-09-01", "rocky", "wallaby"])
def test_every_version_is_read(version: str) -> None:
    assert evaluate("x", version) == "x"


def test_what_is_not_known_stays_so_through_functions() -> None:
    for expression in (
        "{str_replace: {template: a, params: {a: {get_attr: [r, value]}}}}",
        "{list_join: [',', [a, {get_attr: [r, value]}]]}",
        "{map_merge: [{a: {get_attr: [r, value]}}]}",
        "{repeat: {template: a, for_each: {a: {get_attr: [r, value]}}}}",
        "{get_param: [j, {get_attr: [r, value]}]}",
    ):
        output = output_of(expression, declared=PARAMETERS + VALUE)
        assert isinstance(output.value, Unknown), expression


def test_faults_of_functions_do_not_repeat_values() -> None:
    secret = "parameters: {p: {type: string, hidden: true, default: hunter2}}"
    for expression in ("{list_join: ['-', {get_param: p}]}", "{digest: [{get_param: p}, x]}"):
        assert "hunter2" not in error_of(expression, declared=secret)
