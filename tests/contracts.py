"""Two import contracts that import-linter lacks.

`closed` is a set of modules and everything it may import. import-linter can forbid named things; purity
needs the reverse: what is not on the list is forbidden. The contract looks at direct imports only, and that
is enough. A module in the set may import the set, its `friends` (each closed by a contract of its own) and
the listed externals, so through what it imports it reaches nothing else. Options, all but `modules`
optional; module expressions are import-linter's: `alarms`, `alarms.**`.

| modules          | the closed set                                                     |
| except_modules   | taken out of the set and out of the friends                        |
| friends          | modules of ours that the set may import besides itself             |
| externals        | top-level names that may be imported                               |
| standard_library | whether the whole standard library may be imported too             |
| exceptions       | single imports that are allowed: `alarms.breathing -> numpy`       |

A name or an exception that fits nothing breaks the contract: a renamed module must not slip out of it. Only
`x.**` may fit nothing, for a module that is one file and has nothing below it.

`separate` keeps the folders of a `package` apart, whatever folders there are. They share the package's
single files, and those import no folder.
"""

import sys
from typing import Any, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class ClosedContract(Contract):
    type_name = "closed"

    modules = fields.ListField(subfield=fields.StringField())
    except_modules = fields.ListField(subfield=fields.StringField(), default=[])
    friends = fields.ListField(subfield=fields.StringField(), default=[])
    externals = fields.SetField(subfield=fields.StringField(), default=set())
    standard_library = fields.BooleanField(default=False)
    exceptions = fields.SetField(subfield=fields.StringField(), default=set())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - import-linter's face
        del verbose
        problems: list[str] = []

        def matching(option: str) -> set[str]:
            found: set[str] = set()
            for expression in cast("list[str]", getattr(self, option)):
                modules = graph.find_matching_modules(expression)
                if not modules and not expression.endswith(".**"):
                    problems.append(f"{option}: {expression} fits no module")
                found |= modules
            return found

        outside = matching("except_modules")
        closed = matching("modules") - outside
        may_import = closed | (matching("friends") - outside) | cast("set[str]", self.externals)
        if cast("bool", self.standard_library):
            may_import |= sys.stdlib_module_names

        unused = set(cast("set[str]", self.exceptions))
        for importer in sorted(closed):
            for imported in sorted(graph.find_modules_directly_imported_by(importer) - may_import):
                if f"{importer} -> {imported}" in unused:
                    unused.discard(f"{importer} -> {imported}")
                    continue
                problems.append(describe(graph, importer, imported))
        problems += [f"exceptions: {exception} is not needed" for exception in sorted(unused)]
        return ContractCheck(kept=not problems, metadata={"problems": problems})

    def render_broken_contract(self, check: ContractCheck) -> None:
        render(check)


class SeparateContract(Contract):
    type_name = "separate"

    package = fields.StringField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - import-linter's face
        del verbose
        package = cast("str", self.package)
        children = graph.find_children(package)
        shared = {child for child in children if not graph.find_children(child)}
        problems = []
        for child in sorted(children):
            family = {child} | graph.find_descendants(child)
            others = ({package} | graph.find_descendants(package)) - family - shared
            problems += [
                describe(graph, importer, imported)
                for importer in sorted(family)
                for imported in sorted(graph.find_modules_directly_imported_by(importer) & others)
            ]
        return ContractCheck(kept=not problems, metadata={"problems": problems})

    def render_broken_contract(self, check: ContractCheck) -> None:
        render(check)


def describe(graph: ImportGraph, importer: str, imported: str) -> str:
    lines = graph.get_import_details(importer=importer, imported=imported)
    where = ", ".join(str(line["line_number"]) for line in lines)
    return f"{importer} imports {imported} (line {where})"


def render(check: ContractCheck) -> None:
    metadata: dict[str, Any] = check.metadata
    for problem in metadata["problems"]:
        output.print_error(problem)
