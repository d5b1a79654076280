"""How jobs look in the REST API."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import Job
from common.translation import translated


class JobErrorSerializer(serializers.Serializer[Job]):
    """Why a job failed, and what to do."""

    code = serializers.CharField(source="error_code")
    detail = serializers.SerializerMethodField()

    def get_detail(self, job: Job) -> str:
        return translated(job.error_template, job.error_context)


class JobSerializer(serializers.ModelSerializer[Job]):
    """How far long work is, and how it ended."""

    percent = serializers.IntegerField(read_only=True)
    error = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = ("code", "state", "percent", "stage", "attempt", "created_at", "started_at", "ended_at", "error")

    @extend_schema_field(JobErrorSerializer(allow_null=True))
    def get_error(self, job: Job) -> dict[str, str] | None:
        return JobErrorSerializer(job).data if job.error_code else None
