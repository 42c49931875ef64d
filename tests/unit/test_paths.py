"""osf:// URLs and their canonical form."""

from __future__ import annotations

import contextlib
from glob import has_magic
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dvc_osf.exceptions import OSFPathError
from dvc_osf.filesystem import OSFFileSystem
from dvc_osf.paths import DEFAULT_PROVIDER, PROVIDERS, OSFPath, check_name, strip_protocol

# Anything that people or programs may pass for a path, rich in what matters to one.
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            [
                *[
                    "abc12",
                    "ABC12",
                    "osf://",
                    "https://osf.io/",
                    "/",
                    "//",
                    ".",
                    "..",
                    "a",
                    "@",
                    ":",
                    "?",
                    "#",
                    "*",
                    "%20",
                    "é",
                ],
                *["osfstorage", "github", "files", "://", "?x=1"],
                " ",
                "\n",
            ]
        ),
        max_size=8,
    ).map("".join),
)
# What the OSF keeps as it is.
CHANGED = "".join(map(chr, [*range(9), *range(14, 32)]))
NAMES = st.text(st.characters(codec="utf-8", exclude_characters=f"/{CHANGED}"), min_size=1).filter(
    lambda name: name == name.strip() and name not in {".", ".."}
)


class TestCanonicalForm:
    @pytest.mark.parametrize(
        ("url", "canonical"),
        [
            ("", ""),
            ("/", ""),
            ("osf://", ""),
            ("abc12", "abc12"),
            ("osf://abc12", "abc12"),
            ("osf://abc12/", "abc12"),
            ("/abc12/", "abc12"),
            ("osf://abc12/osfstorage", "abc12/osfstorage"),
            ("osf://abc12/osfstorage/", "abc12/osfstorage"),
            ("osf://abc12/data.csv", "abc12/osfstorage/data.csv"),
            ("osf://abc12/a/b/c", "abc12/osfstorage/a/b/c"),
            ("osf://abc12/osfstorage/a", "abc12/osfstorage/a"),
            ("osf://abc12/github/a", "abc12/github/a"),
            ("abc12/s3/a/", "abc12/s3/a"),
            ("osf://abc12//a", "abc12/osfstorage/a"),
            ("osf://abc12/osfstorage//a///b", "abc12/osfstorage/a/b"),
            ("osf://abc12/./a/./b/.", "abc12/osfstorage/a/b"),
            ("osf://abc12/a/../b", "abc12/osfstorage/b"),
            ("osf://abc12/osfstorage/a/b/..", "abc12/osfstorage/a"),
            ("osf://abc12/osfstorage/a/..", "abc12/osfstorage"),
        ],
    )
    def test_a_url_has_one(self, url, canonical):
        assert strip_protocol(url) == canonical

    @pytest.mark.parametrize("url", ["osf://ABC12/Data", "osf://aBc12/Data", "abc12/Data"])
    def test_guids_are_case_insensitive_and_names_are_not(self, url):
        assert strip_protocol(url) == "abc12/osfstorage/Data"

    @pytest.mark.parametrize("provider", sorted(PROVIDERS))
    def test_every_provider_of_the_osf_is_known(self, provider):
        path = OSFPath.parse(f"abc12/{provider}/x")
        assert (path.provider, path.parts) == (provider, ("x",))

    @pytest.mark.parametrize("folder", ["OSFStorage", "osfstorage2", "data"])
    def test_other_second_parts_are_folders_in_osfstorage(self, folder):
        path = OSFPath.parse(f"abc12/{folder}/x")
        assert (path.provider, path.parts) == (DEFAULT_PROVIDER, (folder, "x"))

    def test_a_folder_named_like_a_provider_needs_the_provider_written(self):
        path = OSFPath.parse("abc12/osfstorage/github/x")
        assert (path.provider, path.parts) == ("osfstorage", ("github", "x"))

    @pytest.mark.parametrize("pattern", ["*.csv", "a?c", "[ab]c", "**", "{a,b}", "a/*/b"])
    def test_glob_patterns_pass(self, pattern):
        assert strip_protocol(f"osf://abc12/{pattern}") == f"abc12/osfstorage/{pattern}"

    @given(TEXTS)
    @example("abc12/osfstorage/osf:/abc12")
    @example("https://osf.io/abc12/files/github/")
    @example("osf://abc12/x://y")
    @example("osf://abc12/osfstorage/osfstorage")
    def test_doing_it_twice_changes_nothing(self, text):
        try:
            once = strip_protocol(text)
        except ValueError:
            return
        assert strip_protocol(once) == once
        assert strip_protocol(f"osf://{once}") == once
        if not has_magic(once.partition("/")[0]):
            assert OSFPath.parse(once) == OSFPath.parse(text)

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("osf://*", "*"),
            ("osf://ABC1?/", "abc1?"),
            ("osf://[a-c]*/osfstorage/x", "[a-c]*/osfstorage/x"),
            ("osf://*/*.csv", "*/osfstorage/*.csv"),
            ("*/github/a/../b", "*/github/b"),
        ],
    )
    def test_patterns_for_projects_pass_but_are_no_places(self, url, expected):
        assert strip_protocol(url) == expected
        with pytest.raises(OSFPathError, match="is not the GUID of a project"):
            OSFPath.parse(url)

    @pytest.mark.parametrize("url", ["osf://*@x/y", "osf://a b*/y", "osf://*/../x", "osf://*\x00"])
    def test_other_patterns_are_refused(self, url):
        with pytest.raises(OSFPathError):
            strip_protocol(url)

    @given(TEXTS)
    def test_whatever_is_refused_is_refused_as_a_value_error_of_ours(self, text):
        with contextlib.suppress(OSFPathError):
            strip_protocol(text)

    @pytest.mark.parametrize(
        "url", ["osf://\ud800abc/x", "s3://\ud800", "osf://abc12/../\ud800/.."]
    )
    def test_a_refusal_can_be_printed_whatever_was_refused(self, url):
        with pytest.raises(OSFPathError) as caught:
            strip_protocol(url)
        str(caught.value).encode()

    @given(st.lists(NAMES, max_size=4))
    def test_every_name_that_the_osf_keeps_survives(self, names):
        path = OSFPath("abc12", "osfstorage", tuple(names))
        assert OSFPath.parse(str(path)) == path
        assert OSFPath.parse(f"osf://{path}/") == path

    def test_the_odd_names_that_a_real_osf_kept_survive(self, recorded):
        for name in recorded("names"):
            path = OSFPath.parse(f"osf://abc12/osfstorage/{name}")
            assert path.parts == (name,)
            assert OSFPath.parse(str(path)) == path


class TestPathObjects:
    def test_parts_can_be_read(self):
        path = OSFPath.parse("abc12/a/b.txt")
        assert path == OSFPath("abc12", "osfstorage", ("a", "b.txt"))
        assert path.name == "b.txt"
        assert str(path) == "abc12/osfstorage/a/b.txt"

    def test_a_parent_is_the_folder_above(self):
        path = OSFPath.parse("abc12/a/b")
        assert path.parent == OSFPath.parse("abc12/a")
        assert path.parent.parent == OSFPath.parse("abc12/osfstorage")

    def test_a_providers_root_is_its_own_parent(self):
        root = OSFPath.parse("abc12/osfstorage")
        assert root.parent == root
        assert root.name == ""

    def test_a_child_is_in_the_folder(self):
        assert str(OSFPath.parse("abc12/a").child("b")) == "abc12/osfstorage/a/b"

    def test_a_child_of_a_project_is_in_osfstorage(self):
        assert str(OSFPath.parse("abc12").child("b")) == "abc12/osfstorage/b"

    def test_the_root_is_empty(self):
        assert OSFPath.parse("osf://") == OSFPath("")
        assert str(OSFPath("")) == ""

    def test_paths_can_be_keys(self):
        assert len({OSFPath.parse("abc12/a"), OSFPath.parse("osf://ABC12/osfstorage/a/")}) == 1


class TestInputs:
    def test_a_path_object_is_a_path(self):
        assert strip_protocol(PurePosixPath("abc12/a/b")) == "abc12/osfstorage/a/b"

    def test_a_list_is_stripped_one_by_one(self):
        paths = ["osf://abc12/a", PurePosixPath("abc12/b"), "osf://XYZ99"]
        stripped = ["abc12/osfstorage/a", "abc12/osfstorage/b", "xyz99"]
        assert OSFFileSystem._strip_protocol(paths) == stripped
        assert OSFFileSystem._strip_protocol(stripped) == stripped

    def test_the_filesystem_strips_as_the_function_does(self):
        assert OSFFileSystem._strip_protocol("osf://ABC12/a/") == "abc12/osfstorage/a"

    @pytest.mark.parametrize("wrong", [None, 7, b"abc12"])
    def test_what_is_no_path_is_a_type_error(self, wrong):
        with pytest.raises(TypeError):
            strip_protocol(wrong)


class TestWebAddresses:
    @pytest.mark.parametrize(
        ("address", "canonical"),
        [
            ("https://osf.io", ""),
            ("https://osf.io/", ""),
            ("https://osf.io/abc12", "abc12"),
            ("https://osf.io/ABC12/", "abc12"),
            ("http://osf.io/abc12/", "abc12"),
            ("https://www.osf.io/abc12/", "abc12"),
            ("https://OSF.io/abc12/", "abc12"),
            ("https://osf.io/abc12/files", "abc12"),
            ("https://osf.io/abc12/files/osfstorage", "abc12/osfstorage"),
            ("https://osf.io/abc12/files/github/", "abc12/github"),
            ("https://osf.io/abc12/?tab=1#top", "abc12"),
        ],
    )
    def test_an_address_pasted_from_the_browser_is_understood(self, address, canonical):
        assert strip_protocol(address) == canonical

    def test_a_files_page_names_no_path_and_the_error_shows_how_to_write_one(self):
        with pytest.raises(OSFPathError, match="osf://abc12/osfstorage/<path>"):
            strip_protocol("https://osf.io/abc12/files/osfstorage/6b032c1d579557bf8f6bd608")

    def test_another_page_of_a_project_is_no_path(self):
        with pytest.raises(OSFPathError, match="shows no file's path"):
            strip_protocol("https://osf.io/abc12/wiki/home/")

    @pytest.mark.parametrize("url", ["https://osf.io.evil.com/abc12", "https://example.org/abc12"])
    def test_another_site_is_not_the_osf(self, url):
        with pytest.raises(OSFPathError, match="is not the OSF"):
            strip_protocol(url)

    def test_the_key_of_a_view_only_link_is_not_repeated_in_an_error(self):
        with pytest.raises(OSFPathError) as caught:
            strip_protocol("https://osf.io/abc12/wiki/?view_only=5ecretKey")
        assert "5ecretKey" not in str(caught.value)

    @pytest.mark.parametrize("page", ["abc12", "abc12/wiki/"])
    def test_a_password_in_an_address_is_refused_and_not_repeated(self, page):
        with pytest.raises(OSFPathError) as caught:
            strip_protocol(f"https://user:pa55word@osf.io/{page}")
        assert "pa55word" not in str(caught.value)

    def test_an_address_that_cannot_be_read_is_refused_as_an_error_of_ours(self):
        with pytest.raises(OSFPathError):
            strip_protocol("https://[osf.io/abc12")


class TestRefusals:
    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("osf:///x", "names no project"),
            ("osf:////", "names no project"),
            ("osf://user:pw@abc12/x", "must not hold a user name or password"),
            ("osf://token@abc12", "must not hold a user name or password"),
            ("s3://bucket/x", "is not an osf:// URL"),
            ("osf://abc1/x", "is not the GUID"),
            ("osf://abc_12/x", "is not the GUID"),
            ("osf://äbc12/x", "is not the GUID"),
            ("osf:/abc12/x", "is not the GUID"),
            ("../abc12", "is not the GUID"),
            ("osf://abc12/..", "leads out"),
            ("osf://abc12/../x", "leads out"),
            ("osf://abc12/a/../../b", "leads out"),
            ("osf://abc12/osfstorage/..", "leads out"),
        ],
    )
    def test_what_cannot_be_a_path_is_refused_clearly(self, url, message):
        with pytest.raises(OSFPathError, match=message) as caught:
            strip_protocol(url)
        assert isinstance(caught.value, ValueError)

    @pytest.mark.parametrize("url", ["osf://user:pa55word@abc12/x", "user:pa55word@abc12/x"])
    def test_a_password_is_not_repeated_in_the_error(self, url):
        with pytest.raises(OSFPathError) as caught:
            strip_protocol(url)
        assert "pa55word" not in str(caught.value)

    @pytest.mark.parametrize("at", ["a@b", "@", "user:pw@host"])
    def test_an_at_sign_in_a_name_is_fine(self, at):
        assert strip_protocol(f"osf://abc12/{at}") == f"abc12/osfstorage/{at}"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            (" lead.txt", "white space"),
            ("trail.txt ", "white space"),
            ("\ttab", "white space"),
            ("line\n", "white space"),
            ("nbsp\u00a0", "white space"),
            ("\u2003em", "white space"),
            ("\x1funit", "control character"),
            ("bell\x07", "control character"),
            (" ", "white space"),
            ("nul\x00x", "control character"),
            ("lone\ud800surrogate", "not valid Unicode"),
            ("\udcff", "not valid Unicode"),
        ],
    )
    def test_names_that_the_osf_would_change_are_refused_before_any_request(self, name, message):
        for url in (f"osf://abc12/{name}", f"osf://abc12/a/{name}/b"):
            with pytest.raises(OSFPathError, match=message) as caught:
                strip_protocol(url)
            assert "Rename it" in caught.value.hint
            str(caught.value).encode()

    @pytest.mark.parametrize("name", [".", ".."])
    def test_dots_are_not_names(self, name):
        with pytest.raises(OSFPathError, match="is not a name"):
            check_name(name, "abc12")

    @pytest.mark.parametrize("char", CHANGED)
    def test_each_character_that_the_osf_replaces_is_refused(self, char):
        with pytest.raises(OSFPathError, match="control character"):
            check_name(f"a{char}b", "abc12")

    @pytest.mark.parametrize("name", ["...", ".hidden", "a.", "in side", "tab\tin", "new\nline"])
    def test_other_names_pass(self, name):
        check_name(name, "abc12")
