"""A stand-in for the provider hashicorp/aws: Terraform's plugin protocol 6 with the real provider's schema.

Terraform starts it (see `rehearsal.py`); it checks what the real one would refuse before it asks AWS, and where
STAND_IN_ENDPOINT is set it makes the resources on that server. It runs in an environment of its own, with the packages
of `requirements.txt`: PyPI's `tf` carries the protocol's messages.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from concurrent import futures
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import grpc
import msgpack
from data_sources import DATA_SOURCES, read_data
from making import Failed, arn_of, make
from rules import broken_rules
from schema import RESOURCES, data_schemas, provider_schema, resource_schemas
from tf.gen import grpc_controller_pb2 as controller_messages
from tf.gen import grpc_controller_pb2_grpc as controller
from tf.gen import grpc_stdio_pb2_grpc as stdio
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as plugin

UNKNOWN = msgpack.ExtType(0, b"\x00")


def decoded(value: Any) -> Any:
    """Return a Terraform value; what is not known yet comes as an `ExtType`."""
    if value.msgpack:
        return msgpack.unpackb(
            value.msgpack, ext_hook=lambda code, data: msgpack.ExtType(code, data), strict_map_key=False
        )
    return json.loads(value.json) if value.json else None


def encoded(value: Any) -> Any:
    """Return the value as Terraform takes it."""
    return pb.DynamicValue(msgpack=msgpack.packb(value))


def errors(texts: list[str]) -> list[Any]:
    """Return diagnostics that stop Terraform."""
    return [pb.Diagnostic(severity=pb.Diagnostic.ERROR, summary=text) for text in texts]


class Provider(plugin.ProviderServicer):
    """The calls that Terraform makes; their names are the protocol's."""

    def GetMetadata(self, request: Any, context: Any) -> Any:
        """Say what there is."""
        return pb.GetMetadata.Response(
            resources=[pb.GetMetadata.ResourceMetadata(type_name=name) for name in RESOURCES],
            data_sources=[pb.GetMetadata.DataSourceMetadata(type_name=name) for name in DATA_SOURCES],
        )

    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        """Give the schema of everything."""
        return pb.GetProviderSchema.Response(
            provider=provider_schema(),
            provider_meta=pb.Schema(block=pb.Schema.Block()),
            resource_schemas=resource_schemas(),
            data_source_schemas=data_schemas(),
        )

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        """Take any."""
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        """Hold the rules that the provider and AWS have beyond types."""
        broken = broken_rules(request.type_name, decoded(request.config))
        return pb.ValidateResourceConfig.Response(diagnostics=errors(broken))

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:
        """Take any."""
        return pb.ValidateDataResourceConfig.Response()

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        """Keep the state as it is."""
        return pb.UpgradeResourceState.Response(upgraded_state=encoded(json.loads(request.raw_state.json)))

    def ConfigureProvider(self, request: Any, context: Any) -> Any:
        """Refuse another account than the one that is allowed, as the real provider does."""
        allowed = decoded(request.config).get("allowed_account_ids") or []
        account = read_data("aws_caller_identity", {})["account_id"]
        wrong = [f"AWS account ID not allowed: {account}"] if allowed and account not in allowed else []
        return pb.ConfigureProvider.Response(diagnostics=errors(wrong))

    def ReadResource(self, request: Any, context: Any) -> Any:
        """Find everything as it was left."""
        return pb.ReadResource.Response(new_state=request.current_state)

    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        """Plan what is asked for; what AWS alone decides is unknown until it is there."""
        planned, prior = decoded(request.proposed_new_state), decoded(request.prior_state)
        if planned is None:
            return pb.PlanResourceChange.Response(planned_state=request.proposed_new_state)
        broken = broken_rules(request.type_name, planned)
        for name in [*RESOURCES[request.type_name]["__computed__"], "id"]:
            if name in planned and planned[name] is None:
                planned[name] = UNKNOWN if prior is None else prior.get(name)
        return pb.PlanResourceChange.Response(planned_state=encoded(planned), diagnostics=errors(broken))

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        """Make it, or forget it."""
        state = decoded(request.planned_state)
        if state is None:
            return pb.ApplyResourceChange.Response(new_state=request.planned_state)
        name = str(state.get("name") or state.get("bucket") or state.get("key_id") or request.type_name)
        for attribute, value in state.items():
            if isinstance(value, msgpack.ExtType):
                state[attribute] = arn_of(request.type_name, name) if "arn" in attribute else name
        if decoded(request.prior_state) is None:
            try:
                make(request.type_name, state)
            except Failed as error:
                return pb.ApplyResourceChange.Response(
                    new_state=request.prior_state, diagnostics=errors([str(error)])
                )
        return pb.ApplyResourceChange.Response(new_state=encoded(state))

    def ReadDataSource(self, request: Any, context: Any) -> Any:
        """Answer a data source."""
        return pb.ReadDataSource.Response(
            state=encoded(read_data(request.type_name, decoded(request.config)))
        )

    def StopProvider(self, request: Any, context: Any) -> Any:
        """Have nothing to stop."""
        return pb.StopProvider.Response()


class _Output(stdio.GRPCStdioServicer):
    def StreamStdio(self, request: Any, context: Any) -> Any:
        return iter([])


class _Controller(controller.GRPCControllerServicer):
    def __init__(self, ended: threading.Event) -> None:
        self._ended = ended

    def Shutdown(self, request: Any, context: Any) -> Any:
        self._ended.set()
        return controller_messages.Empty()


def main() -> None:
    """Serve until Terraform says that it is done; the first line tells it where (HashiCorp's go-plugin handshake)."""
    ended = threading.Event()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    plugin.add_ProviderServicer_to_server(Provider(), server)
    controller.add_GRPCControllerServicer_to_server(_Controller(ended), server)
    stdio.add_GRPCStdioServicer_to_server(_Output(), server)
    certificate = ""
    if os.environ.get("PLUGIN_CLIENT_CERT"):
        from tf.runner import _self_signed_cert

        own, credentials = _self_signed_cert()
        port = server.add_secure_port("127.0.0.1:0", credentials)
        certificate = "|" + base64.b64encode(own).decode().rstrip("=")
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"1|6|tcp|127.0.0.1:{port}|grpc{certificate}\n")
    sys.stdout.flush()
    # Terraform ends what does not end itself; where Terraform was killed, nobody would.
    while not ended.wait(5) and os.getppid() != 1:
        pass
    server.stop(0.05).wait()


if __name__ == "__main__":
    main()
