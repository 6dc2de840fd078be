"""Looking at an answer's source: which names of course_lib, and which forbidden ones, does it use?

This is advice, not a lock: it reads names, and where the source cannot be had it says nothing.
"""

import ast
import inspect
import linecache
import sys
import types

from course_lib.checks.answer import unwrapped


def names_against_the_rules(answer, forbid, allow) -> str | None:
    """A sentence that names the first forbidden call, or the first name of course_lib that is not in `allow`; else None.

    Helpers that the learner wrote are followed. A name counts by its last part and by the name of the thing it stands for, so
    `from torch.nn.functional import fold as f` does not hide `fold`; a function of that name of the learner's own is fine.
    """
    seen, waiting = set(), [unwrapped(answer)]
    while waiting and len(seen) < 50:
        item = waiting.pop()
        node = None if id(item) in seen else definition(item)
        seen.add(id(item))
        for name, thing in _uses(node, _scope(item)) if node else ():
            if isinstance(thing, types.FunctionType | type) and thing.__module__ == item.__module__:
                waiting.append(thing)
                continue
            names = {name.rsplit(".", 1)[-1], getattr(thing, "__name__", None)}
            if names & set(forbid):
                return f"it uses `{name}`, which gives the answer away: build it by hand"
            if _of_course(thing) and not names & set(allow):
                return f"it uses `{name}` of course_lib, which this question does not allow: build it by hand"
    return None


def definition(item) -> ast.AST | None:
    """The syntax tree of a function or class, found in its file or notebook cell; None where there is none."""
    if not isinstance(item, types.FunctionType | type):
        return None
    functions = (
        [v for v in vars(item).values() if isinstance(v, types.FunctionType)] if isinstance(item, type) else [item]
    )
    if not functions:
        return None
    code = functions[0].__code__
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError, RecursionError):
        return None
    wanted = ast.ClassDef if isinstance(item, type) else (ast.FunctionDef, ast.Lambda)
    for node in ast.walk(tree):
        if isinstance(node, wanted) and getattr(node, "name", "<lambda>") == item.__name__:
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            if first == code.co_firstlineno or (
                isinstance(item, type) and first < code.co_firstlineno <= node.end_lineno
            ):
                return node
    return None


def _scope(item) -> dict:
    """The names that the code of a function, or of a class's methods, can see."""
    functions = (
        [v for v in vars(item).values() if isinstance(v, types.FunctionType)] if isinstance(item, type) else [item]
    )
    scope = dict(functions[0].__globals__)
    for function in functions:
        closure = inspect.getclosurevars(function).nonlocals if function.__closure__ else {}
        scope.update(closure)
    return scope


def _uses(node: ast.AST, scope: dict):
    """Yield (dotted name, the thing it stands for or None) for every name, attribute, import and text in a definition."""
    own = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    own |= {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.ClassDef) and n is not node}
    scope = {name: thing for name, thing in scope.items() if name not in own}
    for part in ast.walk(node):
        if isinstance(part, ast.Import | ast.ImportFrom):
            base = [part.module] if isinstance(part, ast.ImportFrom) and part.module else []
            for alias in part.names:
                thing = _imported(".".join([*base, alias.name]))
                scope[alias.asname or alias.name.split(".")[0]] = (
                    thing if alias.asname or base else _imported(alias.name.split(".")[0])
                )
                yield alias.name, thing
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id not in own:
            yield part.id, scope.get(part.id)
        elif isinstance(part, ast.Attribute):
            yield _dotted(part), _resolve(part, scope)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value, None  # getattr(F, "fold")


def _imported(path: str):
    """The module or the name in a module that an import stands for, if it has been imported already."""
    if path in sys.modules:
        return sys.modules[path]
    module, _, name = path.rpartition(".")
    return getattr(sys.modules.get(module), name, None)


def _dotted(node: ast.expr) -> str:
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else getattr(node, "id", "...")


def _resolve(node: ast.expr, scope: dict):
    if isinstance(node, ast.Name):
        return scope.get(node.id)
    base = _resolve(node.value, scope) if isinstance(node, ast.Attribute) else None
    return getattr(base, node.attr, None) if isinstance(base, types.ModuleType) else None


def _of_course(thing) -> bool:
    if isinstance(thing, types.ModuleType):
        return False
    return (getattr(thing, "__module__", None) or "").startswith("course_lib.")
