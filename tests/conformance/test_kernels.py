"""Test the kernel of every plugin that is found: its compiled code allocates nothing and does not need the interpreter."""

import pytest

from bmi_app import plugins
from bmi_app.bench import machine_code

KERNELS = [(kind, name, kernel) for kind, kernel in machine_code.PLUGIN_KERNELS for name in plugins.names(kind)]


@pytest.mark.parametrize(("kind", "name", "kernel"), KERNELS)
def test_kernel_runs_in_real_time(kind: plugins.Kind, name: str, kernel: str) -> None:
    compiled = getattr(plugins.load(kind, name), kernel)
    assert not machine_code.forbidden(machine_code.calls_of(compiled))
    assert machine_code.has_address(compiled), "else numba asks the interpreter for it at every call"
