from peers.comparison import worst


def pytest_terminal_summary(terminalreporter):
    if worst:
        terminalreporter.section("worst relative difference from the peers")
        for label, difference in sorted(worst.items()):
            terminalreporter.write_line(f"{difference:8.1e}  {label}")
