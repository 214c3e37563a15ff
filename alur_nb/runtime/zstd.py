"""Zstandard by the library that Spark carries for Parquet: Python has none before 3.14, Hadoop only a native one.

Hadoop's own codec for `.zst` says "native zStandard library not available" in Spark's distribution (measured on 3.5.9).
"""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import zipfile
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alur_nb.runtime.context import get_spark_session

if TYPE_CHECKING:
    from pyspark.sql import DataFrameReader, SparkSession

SUFFIXES = (".zst", ".zstd")
MAGIC = b"\x28\xb5\x2f\xfd"
"""What a frame begins with (RFC 8878, 3.1.1)."""
CHUNK_BYTES = 256 << 10

# Hadoop finds a codec by the end of the file's name, and the one that Parquet has says `.zstd`.
_PARQUET_CODEC = "org.apache.parquet.hadoop.codec.ZstandardCodec"
_CODEC = "alur_nb.ZstCodec"
_JAR = "alur-nb-zst.jar"
_JAVA = f"""
package alur_nb;

public class ZstCodec extends {_PARQUET_CODEC} {{
    public String getDefaultExtension() {{ return ".zst"; }}
}}
"""
_shipping = threading.Lock()


class ZstdError(Exception):
    """The bytes are no Zstandard data, or are damaged."""


class ZstdWindowError(ZstdError):
    """The data refers back further than the 128 MB that a reader keeps unless told otherwise, as `zstd` itself does."""


def unpacked(chunks: Iterable[bytes]) -> Generator[bytes, None, None]:
    """Decompress frame after frame, at most CHUNK_BYTES at a time; each chunk of the input has at most as many.

    Raises ZstdError, and EOFError where the data ends inside of a frame.
    """
    jvm = _jvm()
    window = _Window(jvm)
    try:
        ended = False
        for chunk in chunks:
            window.put(chunk)
            more = True
            while more:
                ended, out = window.step()
                if out:
                    yield out
                more = window.has_input() or (len(out) == CHUNK_BYTES and not ended)
        if not ended:
            raise EOFError
    finally:
        window.close()


def packed(data: bytes) -> bytes:
    """Compress a text that fits into memory several times, as one frame."""
    return bytes(_jvm().com.github.luben.zstd.Zstd.compress(data, 1))


def with_codecs(spark: SparkSession, reader: DataFrameReader, paths: Iterable[str]) -> DataFrameReader:
    """Return the reader of text or CSV; where a path has one of SUFFIXES, it opens these, too."""
    if not any(path.endswith(SUFFIXES) for path in paths):
        return reader
    with _shipping:
        if _JAR not in str(spark.sparkContext._jsc.sc().listJars().mkString(" ")):
            _ship_codec(spark)
    # A reader's options are Hadoop's settings for it; the codecs that Hadoop finds by itself are still there.
    return reader.option("io.compression.codecs", f"{_PARQUET_CODEC},{_CODEC}")


class _Window:
    """A decompressor in the JVM, with a buffer through which it is fed, and a file in which it leaves what comes out."""

    def __init__(self, jvm: Any) -> None:
        # Not by py4j, whose answers of many bytes take 40 ms each (26 MB of them 6 s, through a file 0.5 s); not by
        # ZstdInputStream, which takes a cut for the end where another frame has ended in the same buffer (1.5.5-4).
        self._file = tempfile.NamedTemporaryFile(prefix="alur-zst-")  # noqa: SIM115  # closed by `close`
        self._channel = jvm.java.io.RandomAccessFile(self._file.name, "rw").getChannel()
        self._zstd = jvm.com.github.luben.zstd.Zstd
        self._context = jvm.com.github.luben.zstd.ZstdDecompressCtx()
        self._source = jvm.java.nio.ByteBuffer.allocateDirect(CHUNK_BYTES)
        self._target = jvm.java.nio.ByteBuffer.allocateDirect(CHUNK_BYTES)

    def put(self, chunk: bytes) -> None:
        self._source.clear()
        self._source.put(chunk)
        self._source.flip()

    def has_input(self) -> bool:
        return bool(self._source.hasRemaining())

    def step(self) -> tuple[bool, bytes]:
        """Decompress up to a buffer, or to the end of a frame; tells whether it is one."""
        from py4j.protocol import Py4JJavaError

        self._target.clear()
        try:
            ended = self._context.decompressDirectByteBufferStream(self._target, self._source)
        except Py4JJavaError as error:
            if not error.java_exception.getClass().getName().startswith("com.github.luben.zstd."):
                raise
            raise self._told(error.java_exception) from error
        self._target.flip()
        size = self._channel.write(self._target, 0)
        if self._target.hasRemaining():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)
        return bool(ended), os.pread(self._file.fileno(), size, 0)

    def _told(self, thrown: Any) -> ZstdError:
        # Its own message is made with the sign that no error has (1.5.5-4).
        code = abs(thrown.getErrorCode())
        text = str(self._zstd.getErrorName(-code))
        too_wide = code == self._zstd.errFrameParameterWindowTooLarge()
        return ZstdWindowError(text) if too_wide else ZstdError(text)

    def close(self) -> None:
        """Give the native memory and the file back."""
        self._context.close()
        self._channel.close()
        self._file.close()


def _jvm() -> Any:
    jvm = get_spark_session().sparkContext._jvm
    assert jvm is not None  # a session that runs has its JVM
    return jvm


def _ship_codec(spark: SparkSession) -> None:
    """Compile the codec by the compiler that Spark compiles its queries with, and give it to driver and executors."""
    context = spark.sparkContext
    settings = context._jsc.hadoopConfiguration()
    compiler = context._jvm.org.codehaus.janino.SimpleCompiler()  # type: ignore[union-attr]
    compiler.setParentClassLoader(settings.getClassLoader())
    compiler.cook(_JAVA)
    jar = Path(context._temp_dir) / _JAR  # Spark deletes the folder at its end
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr(f"{_CODEC.replace('.', '/')}.class", bytes(compiler.getBytecodes()[_CODEC]))
    settings.setClassLoader(compiler.getClassLoader())
    context._jsc.addJar(str(jar))
