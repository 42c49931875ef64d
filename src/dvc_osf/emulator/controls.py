"""What a test or a program does with a running emulator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from .addons import add_provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .faults import Fault
    from .log import LoggedRequest
    from .records import Entity
    from .settings import Settings
    from .world import World

T = TypeVar("T")


class Controls(ABC):
    """The handles of an emulator; the same ones in the event loop and from other threads."""

    @property
    @abstractmethod
    def world(self) -> World:
        """The emulated OSF behind the listeners."""

    @abstractmethod
    def _call(self, work: Callable[[], T]) -> T:
        """Run something where the emulator runs, and return its result."""

    @abstractmethod
    def _open_region(self, region: str) -> None:
        """Start the files host of a storage region."""

    @property
    def api_url(self) -> str:
        """API v2, without a slash at the end."""
        return f"{self.world.web_url}/v2"

    @property
    def web_url(self) -> str:
        """The web pages."""
        return self.world.web_url

    @property
    def files_url(self) -> str:
        """WaterButler of the default storage region."""
        return self.world.files_urls["default"]

    @property
    def storage_url(self) -> str:
        """The origin of signed download URLs."""
        return self.world.storage_url

    @property
    def token(self) -> str:
        """The token of the first user, with the scope ``osf.full_write``; survives restarts."""
        return self._call(lambda: self.world.recall("token"))

    @property
    def user(self) -> str:
        """The guid of the first user; survives restarts."""
        return self._call(lambda: self.world.recall("user"))

    @property
    def project(self) -> str:
        """The guid of the first project, which is private; survives restarts."""
        return self._call(lambda: self.world.recall("project"))

    @property
    def settings(self) -> Settings:
        """Switches, to be set at any time."""
        return self.world.settings

    @property
    def requests(self) -> list[LoggedRequest]:
        """Every request that reached the server, oldest first; entries fill in as they go on."""
        return self._call(lambda: list(self.world.log.entries))

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._call(self.world.log.clear)

    def add_fault(self, fault: Fault) -> Fault:
        """Put a rule for failures in force and return it; its `hits` tell how often it fired."""
        self._call(lambda: self.world.faults.rules.append(fault))
        return fault

    def clear_faults(self) -> None:
        """Remove all rules for failures."""
        self._call(self.world.faults.rules.clear)

    def add_user(self, name: str) -> str:
        """Create an account and return its guid."""
        return self._call(lambda: self.world.store.add_user(name).id)

    def add_token(
        self,
        user: str | None = None,
        scopes: Iterable[str] = ("osf.full_write",),
        label: str | None = None,
    ) -> str:
        """Create a token and return it.

        Parameters
        ----------
        user
            Whose it is; None for the first user.
        scopes
            Such as ``osf.full_read`` or ``osf.users.profile_read``.
        label
            Its name in the log of requests; None for a numbered one.
        """
        owner = user or self.user
        return self._call(lambda: self.world.store.add_token(owner, scopes, label).secret)

    def add_project(
        self,
        title: str = "Project",
        *,
        public: bool = False,
        region: str = "default",
        user: str | None = None,
        parent: str | None = None,
    ) -> str:
        """Create a project and return its guid.

        Parameters
        ----------
        region
            Where its files are; every region has a WaterButler of its own.
        user
            Its administrator; None for the first user.
        parent
            The project that it shall be a component of; None for a project of its own.
        """
        creator = user or self.user

        def add() -> str:
            guid = self._add_node("nodes", creator, title, public, region)
            if parent is not None:
                self.world.store.make_component(guid, parent)
            return guid

        return self._call(add)

    def add_provider(self, guid: str, provider: str = "s3") -> None:
        """Give a project another storage beside osfstorage, as an add-on does.

        Parameters
        ----------
        provider
            ``"s3"``, the only one so far.

        Raises
        ------
        ValueError
            It is not one that the emulator knows.
        LookupError
            There is no such project.
        """
        self._call(lambda: add_provider(self.world, guid, provider))

    def make_registration(self, guid: str) -> str:
        """Freeze a project: return the guid of a public, read-only copy."""

        def register() -> str:
            store, tree = self.world.store, self.world.tree
            source = store.node(guid)
            if source is None:
                raise LookupError(f"There is no project {guid}.")
            creator = self.world.recall("user")
            copy = self._add_node("registrations", creator, source.title, True, source.region)
            root = tree.existing(self._root_folder(copy))
            for child in tree.children(source.root):
                tree.copy(child, root, child.name)
            return copy

        return self._call(register)

    def add_contributor(self, guid: str, user: str, permission: str = "write") -> None:
        """Give a user ``read``, ``write`` or ``admin`` on a project."""
        self._call(lambda: self.world.store.set_contributor(guid, user, permission))

    def add_view_only_link(self, guid: str, *, anonymous: bool = False) -> str:
        """Return a new key for ``?view_only=`` that lets anybody read a project.

        Parameters
        ----------
        anonymous
            Whether the link hides whose project it is.
        """
        return self._call(lambda: self.world.store.add_view_only_link(guid, anonymous=anonymous))

    def set_public(self, guid: str, public: bool = True) -> None:
        """Publish a project, or hide it again."""
        self._call(lambda: self.world.store.change_node(guid, public=int(public)))

    def set_quota(self, guid: str, size: int | None) -> None:
        """Set when a project counts as full, in bytes; None for never.

        As on the real OSF an upload is refused if the project is full *before* it, however small
        it is, and accepted otherwise, however large.
        """
        self._call(lambda: self.world.store.change_node(guid, quota=size))

    def checkout(self, guid: str, file: str, user: str | None) -> None:
        """Lock a file for a user; None releases it.

        Parameters
        ----------
        file
            The file's id, or its path made of names, such as ``/data/a.csv``.
        """
        self._call(lambda: self.world.tree.set_checkout(self._file(guid, file).id, user))

    def _add_node(self, kind: str, creator: str, title: str, public: bool, region: str) -> str:
        self._open_region(region)
        node = self.world.store.add_node(
            creator, title=title, public=public, region=region, kind=kind
        )
        return node.id

    def _root_folder(self, guid: str) -> str:
        node = self.world.store.node(guid)
        if node is None:
            raise LookupError(f"There is no project {guid}.")
        return node.root

    def _file(self, guid: str, file: str) -> Entity:
        tree = self.world.tree
        entity = tree.get(file.strip("/"))
        if entity is not None:
            return entity
        *folders, name = file.strip("/").split("/")
        parent = self._root_folder(guid)
        for folder in folders:
            found = tree.named(parent, folder, "folder")
            if not found:
                raise LookupError(f"There is no folder {folder} on the way to {file}.")
            parent = found[0].id
        found = tree.named(parent, name, "file")
        if not found:
            raise LookupError(f"There is no file {file} in {guid}.")
        return found[0]
