"""What cannot leave the notebook: names of the interactive shell, and values that a cell takes from the world outside.

Names of calls decide, for a good message; what they miss is proved by importing the written script in an empty folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alur_nb.authoring.changes import Reach

SESSION = "<spark>"
"""What a path starts with when its name is the Spark session."""

_MOVE = "Make it a parameter (a literal in the cell tagged `parameters`), or move the call into the function."
_SHELL_NAMES = re.compile(r"_{1,3}|_i{0,3}\d*|_[odi]h|In|Out|exit|quit|dbutils|displayHTML")
_SHELL_CALLS = {
    "get_ipython": "Write plain Python: a job has no IPython.",
    "input": "A job has nobody to ask: make the value a parameter.",
    "display": "Return or log the value: a job has no output cell.",
    "eval": "Write the expression itself: what it names cannot be seen before it runs.",
    "exec": "Write the statements themselves: what they name cannot be seen before they run.",
    "globals": "Name what you need: which names a job needs must be seen before it runs.",
    "locals": "Name what you need: which names a job needs must be seen before it runs.",
}

# Where a module's whole family is meant, the path ends with a dot.
_FILES = (
    "open () |io.open () |gzip.open () |bz2.open () |lzma.open () |zipfile. |tarfile. |glob. |shutil. |tempfile. "
    "|pandas.read_ |numpy.load |numpy.genfromtxt |numpy.fromfile |json.load () |pickle.load () |yaml.safe_load () "
    "|yaml.load () |tomllib.load () |toml.load () |csv.reader () |csv.DictReader () |joblib.load () "
    "|os.listdir () |os.scandir () |os.walk () |os.getcwd () |os.path.exists () |os.path.isfile () |os.path.isdir () "
    "|os.stat () |polars.read_ |polars.scan_ |pyarrow.parquet.read |pyarrow.csv.read |pathlib.Path.cwd () "
    "|pathlib.Path.home () |builtins.open () |importlib.resources. "
)
_NETWORK = (
    "requests. |httpx. |urllib.request. |urllib3. |aiohttp. |boto3. |botocore. |s3fs. |fsspec. |socket. |subprocess. "
    "|os.system () |os.popen () |sqlite3.connect () |sqlalchemy.create_engine () |psycopg. |psycopg2. |pymysql. "
    "|pymongo. |redis. |snowflake. |google.cloud. |paramiko. |ftplib. |smtplib. |http.client. "
)
_FRAMES = (
    f"{SESSION}.read |{SESSION}.sql () |{SESSION}.table () |{SESSION}.range () |{SESSION}.createDataFrame () "
    f"|{SESSION}.readStream |{SESSION}.sparkContext |{SESSION}.catalog "
    "|alur_nb.read () |alur_nb.read_rejects () |alur_nb.load_to_bronze () |alur_nb.run () |alur_nb.preview () "
    "|alur_nb.export () |alur_nb.check () "
)
_WIDGETS = "ipywidgets. |panel. |dash. |IPython. |google.colab. "
_COLUMNS = "pyspark.sql.functions. |pyspark.sql.window.Window. |pyspark.sql.Window. "
_LAZY_COLUMNS = (
    "pyspark.sql.functions.udf",
    "pyspark.sql.functions.pandas_udf",
    "pyspark.sql.functions.udtf",
)
_ENVIRON_WRITES = ("os.environ.update", "os.environ.setdefault", "os.environ.pop", "os.environ.clear")
_FILE_METHODS = frozenset(["read_text", "read_bytes", "iterdir", "rglob"])
_ONE_SHOT = frozenset(["iter", "map", "filter", "zip", "reversed", "enumerate"])


@dataclass(frozen=True, slots=True)
class Hazard:
    """What is wrong with a statement that a pipeline needs, and the next step; `line` is in the cell's text."""

    message: str
    fix: str
    line: int


def shell_name(name: str, line: int) -> Hazard | None:
    """Refuse a global name that only means something in the interactive shell."""
    if name in _SHELL_CALLS:
        return Hazard(f"uses `{name}`, which a job cannot have", _SHELL_CALLS[name], line)
    if _SHELL_NAMES.fullmatch(name):
        return Hazard(
            f"uses `{name}`, which only the notebook has", "Give the value a name of its own.", line
        )
    return None


def outside_value(path: Sequence[str], reach: Reach) -> Hazard | None:
    """Refuse a value that a cell takes from outside when it runs; `path` is the reach with its name resolved."""
    text, called = _text(path), "()" in path
    if text.startswith(("os.environ", "os.getenv")) and not (
        reach.stored or text.startswith(_ENVIRON_WRITES)
    ):
        return Hazard(
            "reads `os.environ` when its cell runs",
            "Make it a parameter (a literal in the cell tagged `parameters`), or use `secret(..)`.",
            reach.line,
        )
    for kind, listed in _KINDS:
        if (called or listed is _FRAMES) and _listed(text, listed):
            return Hazard(f"{kind} when its cell runs: `{_shown(reach.path)}`", _MOVE, reach.line)
    if called and any(step in _FILE_METHODS for step in path):
        return Hazard(f"reads a file when its cell runs: `{_shown(reach.path)}`", _MOVE, reach.line)
    if called and _listed(text, _COLUMNS) and not text.startswith(_LAZY_COLUMNS):
        fix = "Move it into the function: a column needs a Spark session, and a job starts it later."
        return Hazard(f"makes a column when its cell runs: `{_shown(reach.path)}`", fix, reach.line)
    if text.startswith("pyspark.sql.SparkSession"):
        fix = "Write `spark = get_spark_session()` (from alur_nb): settings belong into alur.toml."
        return Hazard("builds a Spark session of its own", fix, reach.line)
    return None


_KINDS = (
    ("reads a file", _FILES),
    ("calls out of the notebook", _NETWORK),
    ("makes a DataFrame", _FRAMES),
    ("uses a widget or IPython", _WIDGETS),
)


def interactive_module(module: str) -> bool:
    """Whether a module only works in front of a person: widgets, IPython."""
    return _listed(module + ".", _WIDGETS)


def one_shot(call: Sequence[str]) -> bool:
    """Whether a call of the builtins makes an iterator, which its first reader uses up."""
    return len(call) == 2 and call[0] in _ONE_SHOT and call[1] == "()"


def spark_setting(path: Sequence[str], texts: Iterable[str]) -> bool:
    """Whether a call changes how the Spark session works; `texts` are the literals it is given."""
    text = _text(path)
    prefixes = (
        f"{SESSION}.conf.set",
        f"{SESSION}.conf.unset",
        f"{SESSION}.udf.register",
        f"{SESSION}.addArtifact",
    )
    if text.startswith((*prefixes, f"{SESSION}.sparkContext.add")):
        return True
    words = ("SET", "RESET", "USE", "ADD", "CREATE FUNCTION", "CREATE TEMPORARY FUNCTION")
    sql = text.startswith(f"{SESSION}.sql")
    return sql and any(given.strip().upper().startswith(words) for given in texts)


_SETTINGS = (
    "os.environ |os.putenv |os.chdir |sys.path |sys.setrecursionlimit |warnings. |logging. |locale. |random.seed "
    "|numpy.random.seed |numpy.seterr |decimal.getcontext |decimal.setcontext "
    "|faulthandler. |socket.setdefaulttimeout |time.tzset |gc. "
)
_SHOWING = "pandas.options |pandas.set_option |matplotlib. |seaborn. |plotly. |numpy.set_printoptions |IPython. |ipywidgets. |altair. |bokeh. "


def process_setting(path: Sequence[str]) -> bool:
    """Whether a call or assignment changes a setting of the whole Python process."""
    return _listed(_text(path), _SETTINGS)


def only_shows(path: Sequence[str]) -> bool:
    """Whether a call or assignment concerns plots and output alone."""
    return _listed(_text(path), _SHOWING)


def _listed(text: str, listed: str) -> bool:
    return text.startswith(tuple(entry.replace(" ", "") for entry in listed.split("|")))


def _text(path: Sequence[str]) -> str:
    return ".".join(path).replace(".()", "()").replace(".[]", "[]")


def _shown(path: Sequence[str]) -> str:
    steps = path[: path.index("()") + 1] if "()" in path else path
    return _text(steps).replace("()", "(..)").replace("[]", "[..]").replace("?.", "")
