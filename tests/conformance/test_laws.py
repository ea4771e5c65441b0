"""Every plugin that is found keeps the laws of its kind, which ship as `bmi_app.testing`: a new one is tested by existing."""

import pytest

from bmi_app import plugins
from bmi_app.testing import Law, laws

NEEDED = {
    "replay": {"path": "/there/is/no/such/recording"},
    "serial": {"port": "/dev/there-is-no-such-port"},
}  # settings without a default
LAWS = [
    law for kind in plugins.HOMES for name in plugins.names(kind) for law in laws(kind, name, **NEEDED.get(name, {}))
]


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_law(law: Law) -> None:
    law()
