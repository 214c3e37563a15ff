"""The same world on AWS: DynamoLedger, GlueLake and GlueCatalog as they are, over services in memory."""

from __future__ import annotations

from alur_nb.runtime.dynamo import DynamoTable
from alur_nb.runtime.glue_catalog import GlueCatalog
from alur_nb.runtime.lake_glue import GlueLake, LayerPlace
from alur_nb.runtime.ledger_dynamo import DynamoLedger
from tests.crash.aws import MemoryDynamo, MemoryGlue, MemoryS3, S3Store
from tests.crash.world import World

BUCKET = "lake"


class AwsWorld(World):
    """Every request to S3, DynamoDB and Glue is a step."""

    def _open(self) -> None:
        self.s3, self.dynamo, self.glue = MemoryS3(), MemoryDynamo(), MemoryGlue()
        places = {"bronze": LayerPlace("shop_bronze", f"s3://{BUCKET}/")}
        self.lake = GlueLake(places, self.s3, GlueCatalog(self.glue, wait=lambda seconds: None))
        table = DynamoTable("ledger", client=self.dynamo)
        self.ledger = DynamoLedger(table, project="shop", environment="dev")
        self.store = S3Store(self.s3)
        self._workspace(self.lake, self.ledger)

    def _close(self) -> None: ...

    def _visible(self, table: str) -> set[str]:
        name = table.partition(".")[2]
        shown = {values[-1]: one for (of, values), one in self.glue.partitions.items() if of == name}
        # A partition that points at an emptied prefix shows nothing.
        return {id for id, one in shown.items() if self.store.read(one["StorageDescriptor"]["Location"])}

    def _leftovers(self, table: str) -> set[str]:
        sealed = {
            f"{self.lake.stage_uri(prefix)}/"
            for batch in self._live(table)
            for prefix in (batch.data_prefix, batch.rejects_prefix)
            if prefix
        }
        folders = (self.lake.table_uri(table), self.lake.table_uri(f"{table}__rejects"))
        uris = {f"s3://{bucket}/{key}" for bucket, key in self.s3.objects}
        return {uri for uri in uris if uri.startswith(folders) and not uri.startswith(tuple(sealed))}
