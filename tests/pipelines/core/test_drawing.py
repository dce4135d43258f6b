from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.drawing import HEIGHT, LEAST, WIDTH, Piece, lay_out, spark, stage_bar

START = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


def piece(ref, start, end, tone="good", is_hold=False):
    return Piece(ref, ref, tone, START + timedelta(seconds=start), START + timedelta(seconds=end), is_hold)


def test_widths_follow_time():
    first, second = stage_bar([piece("1", 0, 100), piece("2", 100, 400)])
    assert (first.x, second.x + second.width) == (0, WIDTH)
    assert abs(second.width - 3 * first.width) < 20
    assert first.height == second.height == HEIGHT


def test_a_pause_between_stages_takes_no_room():
    first, second = stage_bar([piece("1", 0, 100), piece("2", 5000, 5100)])
    assert first.width == second.width == WIDTH // 2


def test_branches_lie_in_lanes():
    bar = stage_bar([piece("1", 0, 10), piece("2", 10, 30), piece("3", 10, 20)])
    assert [(segment.ref, segment.y, segment.height) for segment in bar] == [("1", 0, 16), ("2", 0, 8), ("3", 8, 8)]


def test_more_than_three_branches_fold_into_the_worst_tone():
    bar = stage_bar([piece(str(n), 0, 10, "bad" if n == 2 else "good") for n in range(5)])
    assert [(segment.tone, segment.title) for segment in bar] == [("bad", "5 stages side by side")]


def test_a_long_wait_is_cut_to_half():
    work, wait = stage_bar([piece("1", 0, 60), piece("2", 60, 86400, is_hold=True)])
    assert (work.width, wait.width) == (WIDTH // 2, WIDTH // 2)


def test_what_has_not_started_keeps_its_room():
    done, rest = stage_bar([piece("1", 0, 60)], to_come=0.25)
    assert (done.width, rest.width, rest.tone) == (750, 250, "todo")
    assert [segment.width for segment in stage_bar([], to_come=1)] == [WIDTH]
    assert stage_bar([]) == []


intervals = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 5_000), st.booleans()), min_size=1, max_size=40)


@given(intervals, st.floats(0, 1))
def test_every_segment_is_visible_and_inside(spans, to_come):
    bar = stage_bar(
        [piece(str(n), start, start + long, is_hold=hold) for n, (start, long, hold) in enumerate(spans)], to_come
    )
    room = WIDTH - round(WIDTH * min(to_come, 0.9))
    for segment in bar:
        assert segment.width >= min(LEAST, room // len(spans)) > 0
        assert segment.x >= 0
        assert segment.x + segment.width <= WIDTH
        assert segment.y + segment.height <= HEIGHT


def test_a_straight_pipeline_is_one_row():
    layout = lay_out({"1": [], "2": ["1"], "3": ["2"]})
    assert layout.places == {"1": (1, 1), "2": (2, 1), "3": (3, 1)}
    assert [edge.path for edge in layout.edges] == ["M156 27H174", "M330 27H348"]
    assert (layout.width, layout.height) == (504, 54)


def test_branches_take_rows_and_meet_again():
    layout = lay_out({"1": [], "2": ["1"], "3": ["1"], "4": ["2", "3"]})
    assert layout.places == {"1": (1, 1), "2": (2, 1), "3": (2, 2), "4": (3, 1)}
    assert layout.edges[1].path == "M156 27H158Q165 27 165 34V92Q165 99 172 99H174"


def test_nothing_stands_on_a_line_that_passes():
    layout = lay_out({"1": [], "2": ["1"], "3": ["2"], "4": ["1", "3"]})
    assert layout.places["2"][1] != layout.places["1"][1]


@given(st.lists(st.lists(st.integers(0, 30), max_size=3), min_size=1, max_size=30))
def test_no_two_stages_share_a_place(raw):
    requisites = {str(n): [str(need) for need in set(needs) if need < n] for n, needs in enumerate(raw)}
    layout = lay_out(requisites)
    assert len(set(layout.places.values())) == len(requisites)
    assert all(layout.places[need][0] < layout.places[ref][0] for ref, needs in requisites.items() for need in needs)


def test_a_graph_beyond_the_grid_says_so():
    assert not lay_out({str(n): [str(n - 1)] if n else [] for n in range(31)}).is_drawable


def test_a_spark_is_as_high_as_the_longest():
    bars = spark([(timedelta(minutes=7), "good"), (timedelta(minutes=14), "bad"), (timedelta(0), "idle")])
    assert [(bar.x, bar.y, bar.height) for bar in bars] == [(0, 8, 8), (6, 0, 16), (12, 14, 2)]
