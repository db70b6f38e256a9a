"""A folder of files that belong together is one export."""

from pathlib import Path

import pytest

from closecast.deals import stages
from closecast.deals.contract import check
from closecast.deals.mapping.document import OPEN, Columns, HistoryColumns, Mapping, Meaning
from closecast.deals.mapping.proposal import propose
from closecast.deals.stages import HISTORY
from closecast.deals.synthetic.generator import generate
from closecast.platform.sources.errors import MappingNeededError, SourceError
from closecast.platform.sources.export import read_source
from closecast.platform.sources.folder import contents_of, read_files

DEALS = generate(60, seed=4)


def test_files_with_the_columns_of_deals_are_one_export(tmp_path: Path) -> None:
    # given two years of deals, in two formats and with their columns in another order, and what is no deal
    DEALS[:40].to_csv(tmp_path / "2016.csv", index=False)
    DEALS[40:][DEALS.columns[::-1]].to_parquet(tmp_path / "2017.parquet")
    (tmp_path / "stage_history.csv").write_text("opportunity_id,from_stage,to_stage\na,New,Won\n")
    (tmp_path / ".2015.csv").write_text("hidden")
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / "notes.md").write_text("no data")
    # when
    export = read_source(f"file:{tmp_path}")
    # then
    assert export.frame.equals(DEALS)
    assert "2 files (2016.csv, 2017.parquet; CSV in utf-8" in export.describe()
    assert "not read: stage_history.csv" in export.describe()
    assert export.name == f"file:{tmp_path.name}"
    # and a changed file is another export
    DEALS[:39].to_csv(tmp_path / "2016.csv", index=False)
    assert read_source(f"file:{tmp_path}").sha256 != export.sha256


def test_a_table_of_the_teams_gives_each_deal_its_agents_manager_and_region(tmp_path: Path) -> None:
    # given: one agent is in no team
    agents = sorted(DEALS["sales_agent"].unique())
    DEALS.to_csv(tmp_path / "pipeline.csv", index=False)
    lines = [f"{name},Manager {at % 2},{('East', 'West')[at % 2]}" for at, name in enumerate(agents[1:])]
    (tmp_path / "teams.csv").write_text("\n".join(["sales_agent,manager,regional_office", *lines]))
    # when
    export = read_source(f"file:{tmp_path}")
    # then
    assert f"teams.csv: manager and region of {len(agents) - 1} agents" in export.describe()
    assert "not read" not in export.describe()
    accepted = check(export.frame).accepted
    assert accepted[list(DEALS.columns)].equals(check(DEALS).accepted)
    of_agent = accepted.drop_duplicates("sales_agent").set_index("sales_agent")[["manager", "region"]]
    assert of_agent.loc[agents[0]].tolist() == [None, None]
    assert of_agent.loc[agents[1]].tolist() == ["Manager 0", "East"]
    assert of_agent.loc[agents[2]].tolist() == ["Manager 1", "West"]


def test_rows_are_numbered_through_all_files(tmp_path: Path) -> None:
    text = "Stage,Created,Closed\nClosed Won,2024-01-0{0},2024-02-03\nProposal,2024-01-1{0},\n"
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text(text.format(number))
    frame = read_source(f"file:{tmp_path}").frame
    assert frame["opportunity_id"].is_unique
    assert frame["engage_date"].tolist() == ["2024-01-01", "2024-01-11", "2024-01-02", "2024-01-12"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "has no file with the columns of deals among its files"),
        ({"a.csv": "x,y\n1,2\n"}, "has no file with the columns of deals among a.csv"),
        ({"a.csv": DEALS.to_csv(index=False), "b.csv": "\x89PNG"}, "the file .*b.csv"),
        (
            {"a.csv": DEALS.to_csv(index=False), "b.csv": DEALS.assign(more="1").to_csv(index=False)},
            "has deals in a.csv and b.csv with differing columns; name one of the files",
        ),
    ],
    ids=["empty", "no deals", "a picture", "differing columns"],
)
def test_a_folder_that_is_no_export_is_told(files: dict[str, str], words: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.encode("latin-1") if "PNG" in text else text.encode())
    with pytest.raises(SourceError, match=words):
        read_source(f"file:{tmp_path}")


MADE = DEALS[DEALS["engage_date"] != ""]
ENTRIES = "deal,stage,entered\n" + "".join(
    f"{row.opportunity_id},{stage},{row.engage_date}\n" for row in MADE.itertuples() for stage in ("Demo", "Offer")
)


def test_a_stage_history_beside_the_deals_is_theirs(tmp_path: Path) -> None:
    # given
    DEALS.to_csv(tmp_path / "deals.csv", index=False)
    (tmp_path / "history.csv").write_text(ENTRIES.replace("Demo", "Engaging").replace("Offer", "Prospecting"))
    (tmp_path / "users.csv").write_text("user,team\nAda,1\n")
    # when
    export = read_source(f"file:{tmp_path}")
    # then
    assert export.frame.drop(columns=HISTORY).equals(DEALS)
    assert "not read: users.csv" in export.describe()
    assert "history.csv: " in export.describe()
    accepted = check(export.frame).accepted
    engaged = accepted[accepted["engage_date"].notna()]
    first = stages.read(engaged[HISTORY].iloc[0])
    assert [one.stage for one in first] == ["Engaging", "Prospecting"]
    assert {one.changed for one in first} == {engaged["engage_date"].iloc[0].date()}
    assert accepted.loc[accepted["engage_date"].isna(), HISTORY].isna().all()


def test_a_history_that_has_the_columns_of_deals_too_is_told_from_them(tmp_path: Path) -> None:
    # given snapshots as Salesforce's OpportunityHistory has them, with stages that are won and lost
    (tmp_path / "deals.csv").write_text(
        "Id,StageName,CreatedDate,CloseDate\na,Closed Won,2024-01-02,2024-02-03\nb,Proposal,2024-01-03,2024-09-01\n"
    )
    (tmp_path / "snapshots.csv").write_text(
        "OpportunityId,StageName,CreatedDate,CloseDate\na,Proposal,2024-01-02,2024-03-01\n"
        "a,Closed Won,2024-02-03,2024-02-03\nb,Proposal,2024-01-03,2024-09-01\n"
    )
    # when
    export = read_source(f"file:{tmp_path}")
    # then
    assert export.frame["opportunity_id"].tolist() == ["a", "b"]
    assert export.frame[HISTORY].tolist() == [
        '[["2024-01-02","Proposal","2024-03-01"]]',
        '[["2024-01-03","Proposal","2024-09-01"]]',
    ]
    assert "dropped 1 that say how the deal ended" in export.describe()


def test_a_mapping_names_a_history_that_nothing_else_tells(tmp_path: Path) -> None:
    # given
    (tmp_path / "deals.csv").write_text(
        "id,status,created,closed\na,won,2024-01-02,2024-02-03\nb,open,2024-01-03,\nc,lost,2024-01-03,2024-01-09\n"
    )
    (tmp_path / "log.csv").write_text("who,what,when\na,X,2024-01-02\na,Y,2024-01-05\nb,X,2024-01-04\n")
    columns = Columns(opportunity_id="id", stage="status", created="created", closed="closed")
    meanings: dict[str, Meaning] = {"won": "won", "open": "open", "lost": "lost"}
    mapping = Mapping(
        version=1, columns=columns, stages=meanings, history=HistoryColumns(deal="who", changed="when", stage="what")
    )
    # when
    export = read_source(f"file:{tmp_path}", mapping=mapping)
    # then
    assert export.frame[HISTORY].iloc[0] == '[["2024-01-02","X",null],["2024-01-05","Y",null]]'
    assert HISTORY not in read_source(f"file:{tmp_path}").frame
    # and where there is no such file, that is told
    (tmp_path / "log.csv").unlink()
    with pytest.raises(SourceError, match="has no one stage history with its columns, as the mapping says"):
        read_source(f"file:{tmp_path}", mapping=mapping)


def test_what_only_the_user_can_say_of_a_history_is_asked(tmp_path: Path) -> None:
    DEALS.to_csv(tmp_path / "deals.csv", index=False)
    text = ENTRIES.replace("Demo", "Engaging").replace("Offer", "Prospecting").replace("entered", "x")
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(MappingNeededError, match=r"which column of history\.csv is the date"):
        read_source(f"file:{tmp_path}")
    # and a draft has what is known
    (tmp_path / "deals.csv").write_text("id,status,created,closed\na,won,2024-01-02,2024-02-03\nb,open,2024-01-03,\n")
    (tmp_path / "history.csv").write_text("deal,stage,x\na,open,2024-01-02\na,open,2024-01-03\n")
    table, _ = read_files(contents_of(tmp_path), "the folder")
    assert propose(table).draft()["history"] == {
        "deal": "deal",
        "file": "history.csv",
        "stage": "stage",
        "changed": OPEN,
    }


def test_a_column_of_the_files_own_with_that_name_is_no_history(tmp_path: Path) -> None:
    DEALS.assign(**{HISTORY: "see the CRM"}).to_csv(tmp_path / "deals.csv", index=False)
    assert HISTORY not in read_source(f"file:{tmp_path}").frame
