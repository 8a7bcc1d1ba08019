"""The peers pane: whom a person can ask, in groups, each with a sign of what it last answered.

It shows the address book and the built-in server, and says what was asked for by signals; asking is the window's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workstation.peers import Peer
from workstation.ui.parts.icons import health_icon
from workstation.ui.parts.plain import plain_tooltip
from workstation.ui.services import BUILT_IN_NAME, PeerHealth, Services

_PEER = Qt.ItemDataRole.UserRole
NO_GROUP = "Elsewhere"
THIS_RUN = "This run"
"""Where peers without a group stand, and those given on the command line."""

_ROW_HEIGHT = 24
_NAME_WIDTH = 122
_BEFORE_NAME = 52  # two steps in, the dot, and the margins
_WIDEST_NAME = 160


class PeerTree(QTreeWidget):
    """The list itself; files may be dropped on a peer."""

    files_dropped = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DropOnly)

    def peer_at(self, position: QPoint) -> Peer | None:
        """The peer under a point of the viewport."""
        item = self.itemAt(position)
        peer = item.data(0, _PEER) if item is not None else None
        return peer if isinstance(peer, Peer) else None

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.CopyAction

    def dropMimeData(self, *_: object) -> bool:
        return False  # drops are taken in dropEvent, where the position is known

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._offer(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._offer(event)

    def _offer(self, event: QDragEnterEvent | QDragMoveEvent) -> None:
        if _paths(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = _paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.files_dropped.emit(self.peer_at(event.position().toPoint()), paths)


def _paths(data: QMimeData) -> tuple[Path, ...]:
    return tuple(Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile())


class PeersPane(QWidget):
    """Peers in groups: the built-in server first, under "Here"."""

    current_changed = Signal()
    activated = Signal(object)
    """Double click or Enter on a peer."""
    files_dropped = Signal(object, object)
    """Files dropped: the peer under them, or None, and the paths."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self.setObjectName("peersPane")
        self.tree = PeerTree()
        self.tree.setObjectName("peerTree")
        self.tree.setAccessibleName("Peers")
        self.tree.setColumnCount(2)
        self.tree.setHeaderLabels(["Peer", "AE title"])
        self.tree.setRootIsDecorated(True)
        self.tree.setIndentation(10)
        self.tree.setUniformRowHeights(True)
        self.tree.setAllColumnsShowFocus(True)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setFrameShape(QTreeWidget.Shape.NoFrame)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.tree.header()
        header.setObjectName("peerHeader")
        # In a narrow pane the name stays and the AE title, which the tooltip has as well, is cut: the last section has
        # to stretch by its mode, because one that is only stretched does not become narrower than it was made.
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(30)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(0, _NAME_WIDTH)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.tree.currentItemChanged.connect(lambda *_: self.current_changed.emit())
        self.tree.activated.connect(self._activate)
        self.tree.files_dropped.connect(self.files_dropped)

        self._buttons = QHBoxLayout()
        self._buttons.setContentsMargins(4, 3, 4, 3)
        self._buttons.setSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.tree, 1)
        layout.addLayout(self._buttons)

        services.peers_changed.connect(self.refresh)
        services.server_changed.connect(self.refresh)
        services.peer_state_changed.connect(lambda _name: self._show_states())
        services.theme.changed.connect(self._show_states)
        self.refresh()

    def set_actions(self, menu: Sequence[QAction], buttons: Sequence[QAction]) -> None:
        """The window's actions: those of the context menu, and those with a button under the list."""
        self.tree.addActions(list(menu))
        for action in buttons:
            button = QToolButton()
            button.setDefaultAction(action)
            button.setObjectName(f"{action.objectName()}Button")
            button.setAccessibleName(action.text().replace("&", "").rstrip("…"))
            button.setAutoRaise(True)
            button.setIconSize(QSize(16, 16))
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)

    @property
    def current_peer(self) -> Peer | None:
        """The selected peer, or None."""
        item = self.tree.currentItem()
        peer = item.data(0, _PEER) if item is not None else None
        return peer if isinstance(peer, Peer) else None

    def select(self, name: str) -> None:
        """Select the peer of this name, if it is there."""
        item = self._item(name)
        if item is not None:
            self.tree.setCurrentItem(item)

    def refresh(self) -> None:
        """Show the peers as they are now; selection and closed groups stay."""
        chosen = self.current_peer
        closed = {
            item.text(0)
            for item in (self.tree.topLevelItem(row) for row in range(self.tree.topLevelItemCount()))
            if item is not None and not item.isExpanded()
        }
        known = {item.text(0) for item in self._items()}
        self.tree.blockSignals(True)
        self.tree.clear()
        groups: dict[str, QTreeWidgetItem] = {}
        for peer in self._services.all_peers():
            name = peer.group or (THIS_RUN if peer.temporary else NO_GROUP)
            group = groups.get(name)
            if group is None:
                group = groups[name] = QTreeWidgetItem([name])
                group.setFlags(Qt.ItemFlag.ItemIsEnabled)
                group.setSizeHint(0, QSize(0, _ROW_HEIGHT))
                font = group.font(0)
                font.setBold(True)
                group.setFont(0, font)
                group.setFirstColumnSpanned(True)
                self.tree.addTopLevelItem(group)
                group.setFirstColumnSpanned(True)
                group.setExpanded(name not in closed)
            item = QTreeWidgetItem([peer.name, peer.ae_title])
            item.setData(0, _PEER, peer)
            item.setSizeHint(0, QSize(0, _ROW_HEIGHT))
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            group.addChild(item)
        self._show_states()
        if {item.text(0) for item in self._items()} - known:
            # a person may make the column narrower again; a name that comes is to be read
            names = [item.text(0) for item in self._items()]
            widest = _BEFORE_NAME + max(map(self.tree.fontMetrics().horizontalAdvance, names))
            header = self.tree.header()
            header.resizeSection(0, max(header.sectionSize(0), min(widest, _WIDEST_NAME)))
        name = chosen.name if chosen is not None else BUILT_IN_NAME
        item_to_choose = self._item(name) or self._first()
        if item_to_choose is not None:
            self.tree.setCurrentItem(item_to_choose)
        self.tree.blockSignals(False)
        self.current_changed.emit()

    def _items(self) -> list[QTreeWidgetItem]:
        found = []
        for row in range(self.tree.topLevelItemCount()):
            group = self.tree.topLevelItem(row)
            if group is not None:
                found += [group.child(child) for child in range(group.childCount())]
        return [item for item in found if item is not None]

    def _item(self, name: str) -> QTreeWidgetItem | None:
        return next((item for item in self._items() if item.text(0) == name), None)

    def _first(self) -> QTreeWidgetItem | None:
        return next(iter(self._items()), None)

    def _show_states(self) -> None:
        theme = self._services.theme
        icons = {health: health_icon(health, theme) for health in PeerHealth}
        for item in self._items():
            peer: Peer = item.data(0, _PEER)
            state = self._services.peer_state(peer.name)
            item.setIcon(0, icons[state.health])
            item.setForeground(1, theme.dimmed)
            lines = [peer.address, state.sentence or f"Last echo: {state.health.value}"]
            if peer.comment:
                lines.append(peer.comment)
            for column in range(2):
                item.setToolTip(column, plain_tooltip("\n".join(lines)))
            item.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{peer.name}, {state.health.value}")

    def _activate(self, index: QModelIndex) -> None:
        peer = index.siblingAtColumn(0).data(_PEER)
        if isinstance(peer, Peer):
            self.activated.emit(peer)
