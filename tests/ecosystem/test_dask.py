"""dask: partitions read and written by processes, to which the filesystem is pickled."""

from __future__ import annotations

import os

import pytest

distributed = pytest.importorskip(
    "distributed", reason="the dependency group 'ecosystem' is not installed"
)
pd = pytest.importorskip("pandas")

from dask import dataframe as dd  # noqa: E402

from dvc_osf import OSFFileSystem  # noqa: E402

pytestmark = pytest.mark.timeout(300)  # processes that import pandas take long to start


@pytest.fixture(scope="module")
def workers():
    """Start two processes."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def table():
    return dd.from_pandas(pd.DataFrame({"n": range(100)}), npartitions=4)


@pytest.mark.usefixtures("workers")
def test_csv_partitions_are_one_request_each(table, url, options, other, asked):
    table.to_csv(f"{url}/set/part-*.csv", index=False, storage_options=options)
    assert asked()["file PUT"] == 4

    # One worker may read what another wrote, where its own listing is older.
    again = dd.read_csv(f"{url}/set/*.csv", storage_options=options)
    assert again["n"].sum().compute() == 4950
    assert [name[-10:] for name in other.find(f"{url}/set")] == [f"part-{n}.csv" for n in range(4)]


@pytest.mark.usefixtures("workers")
def test_a_parquet_data_set(table, url, options):
    pytest.importorskip("pyarrow")
    table.to_parquet(f"{url}/set", storage_options=options)

    again = dd.read_parquet(f"{url}/set", storage_options=options)
    assert again["n"].sum().compute() == 4950


def test_the_filesystem_is_pickled_to_the_workers(workers, url, options, other):
    fs = OSFFileSystem(**options)

    def work(number):
        fs.pipe_file(f"{url}/{number}", b"x" * number)
        return os.getpid(), fs.cat_file(f"{url}/{number}")

    done = workers.gather(workers.map(work, range(8), pure=False))

    assert [content for _, content in done] == [b"x" * number for number in range(8)]
    assert os.getpid() not in {process for process, _ in done}
    assert len(other.find(url)) == 8


def test_what_one_worker_wrote_another_reads_though_its_listing_is_older(workers, url, options):
    fs = OSFFileSystem(**options)
    first, second = workers.scheduler_info()["workers"]

    def on(worker, function, *args):
        return workers.submit(function, *args, workers=[worker], pure=False).result()

    assert on(first, fs.find, url) == []
    on(second, fs.pipe_file, f"{url}/new/folder/file", b"x")

    assert on(first, fs.cat_file, f"{url}/new/folder/file") == b"x"
