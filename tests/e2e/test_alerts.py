"""Alerts on the running platform: a test reaches LocalStack's topic, and a silence is listed until it ends."""

import json
import re
from typing import Any

import boto3
import pytest

from tests.e2e.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_a_test_message_reaches_a_subscriber_of_the_topic(platform: Platform) -> None:
    # given
    make: Any = boto3.client
    keys = platform.session.credentials.variables()["localstack"]
    sns, sqs = (
        make(
            service,
            endpoint_url=platform.address("localstack"),
            region_name="us-east-1",
            aws_access_key_id=keys["object_store_access_key"],
            aws_secret_access_key=keys["object_store_secret_key"],
        )
        for service in ("sns", "sqs")
    )
    [topic] = [one["TopicArn"] for one in sns.list_topics()["Topics"] if one["TopicArn"].endswith("-alerts")]
    queue = sqs.create_queue(QueueName="e2e")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    # when
    printed = platform.just("alert-test")
    # then
    assert "sns: delivered" in printed
    [got] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    assert json.loads(json.loads(got["Body"])["Message"])["rule"] == "test"
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=queue)


def test_a_silence_is_listed_until_it_ends(platform: Platform) -> None:
    made = platform.just("alert-silence", "prediction_volume", "--for", "1h", "--why", "trying it out")
    found = re.search(r"silence (\d+) until", made)
    assert found is not None
    assert f"silence {found[1]}: prediction_volume until" in platform.just("alerts")
    platform.just("alert-silence", "--end", found[1])
    assert "prediction_volume" not in platform.just("alerts")


def test_prometheus_scrapes_what_has_metrics(platform: Platform) -> None:
    import httpx

    login = ("closecast", platform.session.credentials.prometheus_password)
    address = f"{platform.address('prometheus')}/api/v1/targets"

    def scraped() -> bool:
        targets = httpx.get(address, auth=login, trust_env=False).json()["data"]["activeTargets"]
        return {one["labels"]["job"] for one in targets if one["health"] == "up"} == {"api", "journal", "alerts"}

    platform.eventually(scraped, "all targets are up", 90)
    answer = platform.api("GET", "/v1/alerts")
    assert answer.status_code == 200
