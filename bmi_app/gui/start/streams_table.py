"""List the LSL streams on the network, the required one ticked or red with the reason."""

from collections.abc import Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QBrush
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from bmi_app.gui.shell.plain_label import plain_tip
from bmi_app.gui.shell.theme import theme_of
from bmi_app.session.streams import Stream

_COLUMNS = ("", "Name", "Type", "Channels", "Rate", "Host", "Why")


class StreamsTable(QTableWidget):
    """Show streams; a double click on one asks for it: `chosen(key, value)`, of the protocol's `driver` table."""

    chosen = pyqtSignal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_COLUMNS), parent)
        self.setAccessibleName("LSL streams")
        self.setToolTip("Streams that can be heard now; choose the one that the session shall take")
        self.setHorizontalHeaderLabels(_COLUMNS)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setWordWrap(True)  # the reason ends with the remedy
        self.setTextElideMode(Qt.TextElideMode.ElideNone)
        if (rows := self.verticalHeader()) is not None:
            rows.hide()
            rows.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        if (header := self.horizontalHeader()) is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionResizeMode(len(_COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        self._streams: list[Stream] = []
        self.cellDoubleClicked.connect(self._choose)

    def _choose(self, row: int, _column: int) -> None:
        if (choice := self._streams[row].choice) is not None:  # else its row says why not
            self.chosen.emit(*choice)

    def show_streams(self, streams: Sequence[Stream]) -> None:
        """Show these; nothing is touched where nothing changed, so that a selection stays."""
        if list(streams) == self._streams:
            return
        self._streams = list(streams)
        theme = theme_of(self.palette())
        self.setRowCount(len(streams))
        for row, stream in enumerate(streams):
            rate = f"{stream.rate_hz:g} Hz" if stream.rate_hz else "irregular"
            mark = {True: "✔", False: "✕", None: ""}[stream.fits]
            format_ = stream.channel_format.removeprefix("cf_")
            channels = f"{stream.n_channels} {format_}" if stream.is_there else ""
            rate = rate if stream.is_there else ""
            texts = (mark, stream.name, stream.type, channels, rate, stream.host, stream.reason)
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                told = f"{text}\nsource_id: {stream.source_id or 'none'}" if column else stream.reason
                item.setToolTip(plain_tip(told))
                if stream.fits is not None and column in (0, len(texts) - 1):
                    item.setForeground(QBrush(theme.held if stream.fits else theme.failed))
                elif stream.fits is None:
                    item.setForeground(QBrush(theme.muted))
                if column == 0:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                self.setItem(row, column, item)
