"""pandas: ``osf://`` URLs wherever it takes one."""

from __future__ import annotations

import pytest

pd = pytest.importorskip("pandas", reason="the dependency group 'ecosystem' is not installed")


@pytest.fixture
def table():
    return pd.DataFrame({"n": [1, 2, 3], "word": ["x", "y", "z"]})


@pytest.mark.parametrize("name", ["run 1/table.csv", "table.csv.gz", "ünï#50%.csv"])
def test_a_csv_file_is_one_request_each_way(table, url, options, other, asked, name):
    path = f"{url}/{name}"
    other.ls(url)

    table.to_csv(path, index=False, storage_options=options)
    assert asked()["file PUT"] == 1

    pd.testing.assert_frame_equal(pd.read_csv(path, storage_options=options), table)
    assert asked() == {"download": 1}
    if not name.endswith(".gz"):
        assert other.cat_file(path) == b"n,word\n1,x\n2,y\n3,z\n"


def test_a_parquet_file(table, url, options, asked):
    pytest.importorskip("pyarrow")
    table.to_parquet(f"{url}/t.parquet", storage_options=options)
    assert asked()["file PUT"] == 1

    again = pd.read_parquet(f"{url}/t.parquet", storage_options=options)

    pd.testing.assert_frame_equal(again, table)
    assert set(asked()) == {"download"}


def test_a_partitioned_data_set(table, url, options, other):
    pytest.importorskip("pyarrow")
    table.to_parquet(f"{url}/set", partition_cols=["word"], storage_options=options)

    assert sorted(other.ls(f"{url}/set", detail=False)) == [
        f"{url[6:]}/set/word={word}" for word in "xyz"
    ]
    again = pd.read_parquet(f"{url}/set", storage_options=options)
    assert again.astype({"word": str}).to_dict("list") == table.to_dict("list")
    one = pd.read_parquet(f"{url}/set", filters=[("word", "==", "y")], storage_options=options)
    assert list(one["n"]) == [2]


def test_the_token_may_come_from_the_environment(table, url, osf, monkeypatch):
    monkeypatch.setenv("OSF_TOKEN", osf.token)
    monkeypatch.setenv("OSF_API_URL", osf.api_url)

    table.to_csv(f"{url}/t.csv", index=False)

    pd.testing.assert_frame_equal(pd.read_csv(f"{url}/t.csv"), table)


def test_what_is_missing_is_not_found(url, options):
    with pytest.raises(FileNotFoundError):
        pd.read_csv(f"{url}/nothing.csv", storage_options=options)
