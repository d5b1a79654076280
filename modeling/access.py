"""From a public code to a dataset, run or version of the brand in scope. Missing and foreign look alike: 404."""

from django.http import Http404

from modeling.models import Dataset, ModelVersion, Study, TrainingRun, Trial


def run_for(code: str) -> TrainingRun:
    """The training run with this public code, with its job and dataset."""
    run: TrainingRun | None = TrainingRun.objects.select_related("job", "dataset").filter(code=code).first()
    if run is None:
        raise Http404
    return run


def version_for(code: str) -> ModelVersion:
    """The model version with this public code, with its run and dataset."""
    version: ModelVersion | None = ModelVersion.objects.select_related("run", "dataset").filter(code=code).first()
    if version is None:
        raise Http404
    return version


def dataset_for(code: str) -> Dataset:
    """The dataset with this public code."""
    dataset: Dataset | None = Dataset.objects.filter(code=code).first()
    if dataset is None:
        raise Http404
    return dataset


def study_for(code: str) -> Study:
    """The study with this public code, with its job and dataset."""
    study: Study | None = Study.objects.select_related("job", "dataset").filter(code=code).first()
    if study is None:
        raise Http404
    return study


def trial_for(study: Study, number: str) -> Trial:
    """The study's trial with this number."""
    is_number = number.isascii() and number.isdecimal() and len(number) < 6
    trial: Trial | None = study.trials.select_related("study").filter(number=int(number)).first() if is_number else None
    if trial is None:
        raise Http404
    return trial
