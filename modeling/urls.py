"""Pages of runs and model versions."""

from django.urls import path

from modeling import content_views, study_views, views

app_name = "modeling"
urlpatterns = [
    path("content/", content_views.show_content, name="content"),
    path("content/fit/", content_views.fit_content, name="fit_content"),
    path("content/model/<slug:code>/", content_views.show_content_model, name="content_model"),
    path("content/cancel/<slug:code>/", content_views.act_on_content_model, {"deed": "cancel"}, name="cancel_content"),
    path("content/retry/<slug:code>/", content_views.act_on_content_model, {"deed": "retry"}, name="retry_content"),
    path("content/use/<slug:code>/", content_views.act_on_content_model, {"deed": "use"}, name="use_content"),
    path("content/suggestions/", content_views.show_suggestions, name="suggestions"),
    path("content/suggestions/decide/", content_views.decide_suggestions, name="decide_suggestions"),
    path("content/suggestions/undo/<int:suggestion_id>/", content_views.undo_suggestion, name="undo_suggestion"),
    path("content/item/<path:external_id>/", content_views.show_item_content, name="item_content"),
    path("content/sentiment/", content_views.show_sentiment, name="sentiment"),
    path("content/labels/", content_views.label_texts, name="labels"),
    path("content/pictures/", content_views.show_pictures, name="pictures"),
    path("", views.show_home, name="runs"),
    path("new/", views.start_run, name="new_run"),
    path("runs/<slug:code>/", views.show_run, name="run"),
    path("runs/<slug:code>/live/", views.show_live, name="run_live"),
    path("runs/<slug:code>/cancel/", views.cancel_run, name="cancel_run"),
    path("runs/<slug:code>/retry/", views.retry_run, name="retry_run"),
    path("versions/", views.compare_versions, name="versions"),
    path("versions/<slug:code>/", views.show_version, name="version"),
    path("versions/<slug:code>/promote/", views.promote_version, name="promote"),
    path("versions/<slug:code>/retire/", views.retire_version, name="retire"),
    path("studies/", study_views.show_studies, name="studies"),
    path("studies/new/<slug:kind>/", study_views.start_study, name="new_study"),
    path("studies/<slug:code>/", study_views.show_study, name="study"),
    path("studies/<slug:code>/live/", study_views.show_study_live, name="study_live"),
    path("studies/<slug:code>/cancel/", study_views.cancel_study, name="cancel_study"),
    path("studies/<slug:code>/retry/", study_views.retry_study, name="retry_study"),
    path("studies/<slug:code>/train/", study_views.train_with, name="train_with"),
    path("roll-back/<slug:purpose>/", views.roll_back, name="roll_back"),
]
