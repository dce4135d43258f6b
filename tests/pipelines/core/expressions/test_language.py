"""The language beyond the cases: each thing people write in pipelines, and what is told when it cannot be."""

from __future__ import annotations

import pytest

from pipelines.core.expressions import bare_faults, evaluate, evaluate_bare, faults, has_expression
from tests.pipelines.core.expressions.conftest import CONTEXTS, context, told, value

FULL = CONTEXTS["full"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # texts
        ("'a,b,,'.split(',')", ["a", "b"]),
        ("'a1b22c'.split('[0-9]+')", ["a", "b", "c"]),
        ("'a.b.c'.split('\\.', 2)", ["a", "b.c"]),
        ("'aXbX'.replaceAll('X', '-')", "a-b-"),
        ("'v1.2'.replaceAll('v([0-9]+)\\.([0-9]+)', '$2/$1')", "2/1"),
        ("'aab'.replaceFirst('a', '\\$')", "$ab"),
        ("'release/1.2'.substring(8)", "1.2"),
        ("'abc'.substring(1, 2) + 'abc'.charAt(2)", "bc"),
        ("'Shop'.toUpperCase().toLowerCase().startsWith('sh')", True),
        ("' a '.trim().length()", 1),
        ("'abcb'.lastIndexOf('b') - 'abcb'.indexOf('b')", 2),
        ("'%s-%03d %.2f %x%%'.format('a', 7, 1.5, 255)", "a-007 1.50 ff%"),
        ("T(String).format('%5s|%-5s|', 'a', 'b')", "    a|b    |"),
        ("T(String).join('-', names)", "a-b"),
        ("'a'.compareTo('b') < 0 && 'A'.equalsIgnoreCase('a')", True),
        ("'x' + null + true + 1.5 + {1, 2}", "xnulltrue1.51,2"),
        ("exists.empty", False),
        # numbers
        ("1 + 2 * 3 - -4 % 3", 8),
        ("-7 / 2", -3),
        ("-7 % 3", -1),
        ("2 ^ 10", 1024),
        ("7 / 2.0", 3.5),
        ("0x1F + 3L", 34),
        ("1e3", 1000.0),
        ("7 == 7.0 and 7 ne 8", True),
        ("T(Math).round(2.5) + T(Math).abs(-2)", 5),
        ("1.0E10 + ''", "1.0E10"),
        ("0.00015 + ''", "1.5E-4"),
        # conditions
        ("not false and (true or n.nosuch)", True),
        ("n gt 5 ? 'big' : 'small'", "big"),
        ("null < 1", True),
        ("isempty ?: isnull ?: 'x'", "x"),
        ("'b' between {'a', 'c'}", True),
        ("n instanceof T(Integer) && !(s instanceof T(Integer))", True),
        ("'yes' && 1 == 1", True),
        # lists and maps
        ("items.^[v > 1].n + items.?[v > 1].size()", "b2"),
        ("items.![v].contains(5)", True),
        ("m.?[key matches 'k.*']", {"k-1": "v"}),
        ("m.![key].size()", 3),
        ("m.keySet().contains('size')", True),
        ("m.entrySet().?[value == 'v'].![key][0]", "k-1"),
        ("m.containsKey('a.b') && m.containsValue(9)", True),
        ("{a: {b: {1, {c: 2}}}}['a'].b[1].c", 2),
        ("{:}.isEmpty() && {}.isEmpty()", True),
        ("names.?[#this == 'b']", ["b"]),
        ("items.![#root.n + v]", [8, 12, 16]),
        ("map[0][v1]", "k1"),
        ("names.indexOf('b') + names.first() + names.join('/')", "1aa/b"),
        ("isnull?.size()", "${isnull?.size()}"),
        # functions
        ('#readJson(\'[1, {"a": null}]\')[1]', {"a": None}),
        ("#readYaml('a: [1, yes, 1.5, x]')", {"a": [1, True, 1.5, "x"]}),
        ("#fromBase64(#toBase64('ü'))", "ü"),
        ("#toJson({a: {1, true, null}})", '{"a":[1,true,null]}'),
        ("#toBoolean(null) || #toBoolean('yes')", False),
        ("#toInt('-12') + #toFloat('0.5')", -11.5),
        ("#currentUser()", "anonymous"),
        # classes
        ("T(java.time.LocalDate).parse('2026-02-28').plusMonths(1).isAfter(T(java.time.LocalDate).now())", False),
        ("T(java.time.LocalDate).of(2026, 1, 31).plusMonths(1)", "2026-02-28"),
        ("T(java.time.LocalDateTime).now().minusHours(1)", "2026-11-25T08:05:03.250"),
        ("T(java.time.Instant).now().toEpochMilli()", 1795597503250),
        ("T(java.time.LocalDate).now().dayOfWeek == T(java.time.DayOfWeek).WEDNESDAY", True),
        ("T(java.time.temporal.ChronoUnit).DAYS.between(T(LocalDate).of(2026,1,1), T(LocalDate).now())", 328),
        ("new java.text.SimpleDateFormat('yyyy-MM-dd HH:mm').format(new java.util.Date())", "2026-11-25 09:05"),
        ("new java.text.SimpleDateFormat(\"EEE d MMM ''yy\").format(0)", "Thu 1 Jan '70"),
        ("new java.util.Date(0).toString()", "Thu Jan 01 00:00:00 UTC 1970"),
        ("new SimpleDateFormat('yyyyMMdd').parse('20261125').time", 1795564800000),
        ("T(java.net.URLEncoder).encode('a b/ü', 'UTF-8')", "a+b%2F%C3%BC"),
        ("T(Integer).parseInt('12') + T(Integer).MAX_VALUE", 2147483659),
    ],
)  # fmt: skip
def test_an_expression_gives(expression: str, expected: object):
    text = f"${{{expression}}}"
    found = evaluate(text, context(CONTEXTS["misc"]))
    assert (found.value, type(found.value)) == (expected, type(expected)), [str(one) for one in found.messages]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${}", "ERROR position 3: There is nothing between ${ and }."),
        ("${1 +}", "ERROR position 6: the end is not expected here."),
        ("${(1}", "ERROR position 5: '}' closes nothing that is open."),
        ("x ${names[7]}", "ERROR position 10: There are 2 elements, so none at 7."),
        ("${names.foo}", "ERROR position 9: A list has no 'foo'. Available there: contains(), containsAll(),"),
        ("${exists.nope()}", "ERROR position 10: A text has no method 'nope' here."),
        ("${1 < 'a'}", "ERROR position 5: A number cannot be compared with a text."),
        ("${exists ? 1 : 2}", "ERROR position 10: true or false is needed here, not a text."),
        ("${'abc'.substring(5)}", "ERROR position 9: 5 is no place in a text of 3 characters."),
        ("${n.size()}", "ERROR position 5: A number has no method 'size' here."),
        ("${'a' == 'b' == true}", "ERROR position 14: '==' is not expected here."),
        ("${#stage('x')}", "ERROR position 3: There is no stage 'x'."),
        ("${T(java.time.LocalDate).of(2026, 2, 30)}", "ERROR position 26: There is no such date: day is out of range"),
        ("${m.get({1})}", "ERROR position 5: A key is a text, not a list."),
        ("${#readJson('[')}", "ERROR position 3: This is not JSON"),
        ("${'%q'.format(1)}", "ERROR position 8: %q is no format known here"),
        ("${T(Math)}", "ERROR position 3: A class is no value by itself."),
        ("${9223372036854775807 + 1}", "ERROR position 23: The number has more than 64 bits."),
        ("${5 % 0}", "ERROR position 5: Nothing can be divided by zero."),
        ("${list.![this]}", "ERROR position 10: A number has no 'this'."),
    ],
)
def test_what_cannot_be_is_told_with_its_position_and_the_text_stays(text: str, message: str):
    assert told(text).startswith(message)


def test_an_error_names_path_position_and_what_was_there():
    stage = {"clusters": [{"amiName": "ami-${trigger.buildInfo.nummer}"}], "waitTime": 3, "plain": ["x"]}
    found = evaluate(stage, context(FULL))
    assert found.value == stage
    (message,) = found.messages
    assert str(message) == (
        "clusters[0].amiName, position 25: nummer not found. Available there: artifacts, number."
    )  # fmt: skip


def test_maps_lists_keys_and_other_values_are_walked_and_nothing_is_shared_with_the_context():
    root = {"replaceMe": "newVal", "deep": {"list": [1]}}
    given = {"${replaceMe}": [4, "${replaceMe}", {"${replaceMe}again": "${deep}"}], "n": None, "b": True}
    found = evaluate(given, context(root))
    assert found.value == {"newVal": [4, "newVal", {"newValagain": {"list": [1]}}], "n": None, "b": True}
    found.value["newVal"][2]["newValagain"]["list"].append(2)
    assert root["deep"] == {"list": [1]}
    assert given["${replaceMe}"][1] == "${replaceMe}"


def test_some_keys_can_be_left_alone():
    given = {"a": "${1}", "b": "${1}"}
    assert evaluate(given, context({}), but={"b"}).value == {"a": 1, "b": "${1}"}


def test_what_an_expression_gives_is_not_evaluated_again():
    root = {"parameters": {"note": "${execution}"}, "a": "${1 + 1}"}
    assert value("${parameters.note} ${a}", root) == "${execution} ${1 + 1}"


def test_a_bare_expression_gives_its_value_or_none():
    known = context(CONTEXTS["misc"])
    assert evaluate_bare("n == 7", known).value is True
    assert evaluate_bare(" ${n} ", known).value == 7
    nothing = evaluate_bare("nosuch", known)
    assert (nothing.value, nothing.messages[0].level) == (None, "INFO")
    broken = evaluate_bare("n ==", known)
    assert (broken.value, str(broken.errors[0])) == (None, "position 5: the end is not expected here.")


def test_the_same_context_gives_the_same_random_values_and_another_stage_others():
    text = "${T(java.util.UUID).randomUUID()} ${T(Math).random()} ${new java.util.Random().nextInt(1000000)}"
    first = value(text, {})
    assert value(text, {}) == first
    assert value(text, {}, seed="stage-2") != first
    identifiers = value(["${T(java.util.UUID).randomUUID().toString()}"] * 2, {})
    assert identifiers[0] != identifiers[1]


def test_faults_are_found_before_anything_is_known():
    stage = {"a": "${x.y}", "b": ["${1 +}", "${#nosuch(1)} ${"], "c": {"${T(System)}": "${x ? 1}"}}
    assert [(fault.path, fault.position) for fault in faults(stage)] == [
        ("b[0]", 6), ("b[1]", 15), ("c.${T(System)}", 3), ("c.${T(System)}", 8),
    ]  # fmt: skip
    assert bare_faults("a == 'b'") == bare_faults("${a}") == []
    assert bare_faults(" a = 'b'")[0].position == 4
    assert has_expression(stage)
    assert not has_expression({"a": ["$x", "{y}", 1]})


# the execution


def test_stages_are_found_by_name_id_and_ref():
    assert (
        value("${#stage('S3').name} ${#stageByRefId(1).status} ${#stageExists('Nope')}", FULL)
        == "Deploy SUCCEEDED false"
    )
    assert told("${#stage('bake')}", FULL).endswith("There is no stage 'bake'. Available there: Bake, Deploy, Ok?.")
    assert "There is no stage with refId '9'. Available there: 1, 2, 3." in told("${#stageByRefId('9')}", FULL)
    assert "no manual judgment 'Bake' with an input picked. Available there: Ok?." in told("${#judgment('Bake')}", FULL)


def test_currents_are_the_stage_that_runs_and_who_started_the_execution():
    stage = FULL["execution"]["stages"][1]
    assert value("${#currentStage().name} ${#currentUser()}", FULL, stage=stage) == "Ok? ann@x.io"


def deployed(name: str, region: str, **more: object) -> dict:
    made = {"deploy.account.name": "prod", "deploy.server.groups": {region: [f"shop-{region}-v001"]}}
    return {"id": name, "name": name, "type": "createServerGroup", "status": "SUCCEEDED", "context": made} | more


def test_deployed_server_groups_come_from_stages_that_deployed_with_their_images_by_region():
    stages = [
        deployed("Deploy in us-east-1", "us-east-1", parentStageId="D"),
        deployed("Deploy in eu-west-1", "eu-west-1"),
        deployed("Off", "eu-west-2", type="disableServerGroup"),
        deployed("Broken", "eu-west-3", status="TERMINAL"),
    ]
    root = {"execution": {"stages": stages}, "deploymentDetails": FULL["deploymentDetails"]}
    found = value("${deployedServerGroups}", root)
    assert [(one["region"], one["serverGroup"], one["ami"]) for one in found] == [
        ("us-east-1", "shop-us-east-1-v001", "ami-2"),
        ("eu-west-1", "shop-eu-west-1-v001", "ami-1"),
    ]
    assert found[0]["account"] == "prod"
    assert found[0]["parentStage"] == "D"
    assert value("${#deployedServerGroups('Deploy in us-east-1').size()}", root) == 1
    assert value("${#deployedServerGroups({'Deploy in us-east-1', 'Deploy in eu-west-1'}).size()}", root) == 2
    assert "No server group has been deployed yet" in told("${deployedServerGroups}", FULL)


def test_json_with_an_expression_in_it_is_not_made():
    root = {"execution": {"stages": [{"context": {"a": "${b}"}}]}}
    assert "holds an expression" in told("${#toJson(execution)}", root)


class Known:
    def pipeline_id(self, application, name):
        return {("shop", "Ship"): "p-1", ("other", "Ship"): "p-2"}.get((application, name))

    def application(self, name):
        return {"name": name, "email": "a@example.org"} if name == "shop" else None


def test_pipelines_and_applications_are_looked_up_in_what_is_known():
    def ask(text: str) -> object:
        return evaluate(text, context(FULL, directory=Known())).value

    assert ask("${#pipelineId('Ship')}") == "p-1"
    assert ask("${#pipelineIdInApplication('Ship', 'other')}") == "p-2"
    assert ask("${#pipelineIdOrNull('Nope') ?: 'none'}") == "none"
    assert ask("${#applicationMetadata('shop').email}") == "a@example.org"
    assert "Application shop has no pipeline 'Nope'" in told("${#pipelineId('Nope')}", FULL, directory=Known())
    assert "There is no application 'x'" in told("${#applicationMetadata('x')}", FULL, directory=Known())


def test_artifacts_of_the_trigger_are_found_by_name_and_type():
    root = {"execution": {"trigger": {"artifacts": [{"name": "shop", "type": "deb", "version": "1"}]}}}
    assert (
        value("${#triggerResolvedArtifact('shop').version}${#triggerResolvedArtifactByType('deb').name}", root)
        == "1shop"
    )
    assert "no artifact with the name 'x'. Available there: shop." in told("${#triggerResolvedArtifact('x')}", root)
    assert value("${#resolvedArtifacts().size()}", root) == 1
