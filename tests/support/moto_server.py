"""An EC2 API of its own for one test: moto, listening on a free loopback port.

Prints the port on a line, and ends at the end of its standard input, so that it cannot outlive the
test that started it.
"""

import gc
import os
import sys
import threading

os.environ["MOTO_ENABLE_AMI_VALIDATION"] = "true"
os.environ["MOTO_ENABLE_KEYPAIR_VALIDATION"] = "true"
os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "true"

REGIONS = ["eu-west-1", "us-east-1"]
TYPES = ["c5.large", "m3.medium", "m5.large", "t2.micro", "t2.small", "t3.micro"]
IMAGES = ["ami-896c96fe", "ami-3eb46b49", "ami-0abcdef0123456789"]


def offerings(places):
    return [{"InstanceType": kind, "Location": place} for place in places for kind in TYPES]


def image(ami_id):
    return {
        "ami_id": ami_id,
        "name": ami_id,
        "state": "available",
        "public": True,
        "owner_id": "099720109477",
        "root_device_type": "ebs",
        "root_device_name": "/dev/sda1",
        "architecture": "x86_64",
        "virtualization_type": "hvm",
        "hypervisor": "xen",
    }


def load_resource(path):
    """The few instance types and images that tests use. Reading moto's own would be more than half of
    the time that it takes to start."""
    region = os.path.basename(path).split(".")[0]
    if "/instance_type_offerings/" in path:
        if region not in REGIONS:
            return []
        if "/region/" in path:
            return offerings([region])
        return offerings([region + zone for zone in "abc"])
    if path.endswith("/instance_types.json"):
        return {}
    if path.endswith("/amis.json"):
        return [image(ami_id) for ami_id in IMAGES]
    if "amis/" in path:
        return []
    return read_resource(path)


gc.disable()

import boto3.session
import moto.utilities.utils

read_resource = moto.utilities.utils.load_resource
moto.utilities.utils.load_resource = load_resource
boto3.session.Session.get_available_regions = (
    lambda self, service, partition_name="aws", allow_non_regional=False: (
        REGIONS if partition_name == "aws" else []
    )
)

import moto.ec2.models.elastic_network_interfaces as interfaces
import moto.ec2.models.instances as instances
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

gc.enable()
gc.freeze()

given = 0


def loopback(*_, **__):
    """What stands outside of the tests' own subnet gets a loopback address as well."""
    global given
    given += 1
    return f"127.210.{given // 250}.{given % 250 + 1}"


interfaces.random_public_ip = loopback
instances.random_private_ip = loopback


class Quiet(MotoRequestHandler):
    def log_request(self, *_):
        pass


def end_with_the_test():
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)


app = DomainDispatcherApplication(create_backend_app)
server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
print(server.server_port, flush=True)
threading.Thread(target=end_with_the_test, daemon=True).start()
server.serve_forever()
