"""Pages of the brand's connected accounts."""

from django.urls import path

from connectors.views import accounts, authorisations, changes, codes, materials, menus, pushes, sync

app_name = "connectors"
urlpatterns = [
    path("", accounts.accounts, name="accounts"),
    path("connect/", accounts.connect, name="connect"),
    path("practice/", changes.connect_practice, name="practice"),
    path("authorise/", authorisations.start, name="authorise"),
    path("authorised/", authorisations.finish, name="authorised"),
    path("<slug:code>/", accounts.account, name="account"),
    path("<slug:code>/setup/", accounts.setup, name="setup"),
    path("<slug:code>/light/", accounts.light, name="light"),
    path("<slug:code>/settings/", accounts.change, name="settings"),
    path("<slug:code>/secret/", changes.change_secret, name="secret"),
    path("<slug:code>/keys/", changes.rotate_keys, name="keys"),
    path("<slug:code>/check/", changes.check, name="check"),
    path("<slug:code>/pause/", changes.pause, name="pause"),
    path("<slug:code>/resume/", changes.resume, name="resume"),
    path("<slug:code>/disconnect/", changes.disconnect, name="disconnect"),
    path("<slug:code>/problems/", changes.clear_problems, name="clear_problems"),
    path("<slug:code>/sync/", sync.sync, name="sync"),
    path("<slug:code>/sync/start/<slug:kind>/", sync.start, name="sync_start"),
    path("<slug:code>/sync/<slug:run_code>/progress/", sync.progress, name="sync_progress"),
    path("<slug:code>/sync/<slug:run_code>/resume/", sync.resume, name="sync_resume"),
    path("<slug:code>/sync/<slug:run_code>/cancel/", sync.cancel, name="sync_cancel"),
    path("<slug:code>/tags/", sync.create_tag, name="create_tag"),
    path("<slug:code>/tags/<int:tag_id>/<slug:leader>/", sync.lead_tag, name="lead_tag"),
    path("<slug:code>/codes/", codes.codes, name="codes"),
    path("<slug:code>/codes/<slug:qr_code>/", codes.picture, name="code_picture"),
    path("<slug:code>/menu/", menus.menu, name="menu"),
    path("<slug:code>/menu/preview/", menus.preview, name="menu_preview"),
    path("<slug:code>/menu/delete/", menus.delete, name="delete_menu"),
    path("<slug:code>/menu/<slug:version>/restore/", menus.restore, name="restore_menu"),
    path("<slug:code>/materials/<slug:shelf>/", materials.shelf, name="shelf"),
    path("<slug:code>/materials/<slug:shelf>/delete/", materials.delete, name="delete_material"),
    path("<slug:code>/publish/", materials.publish, name="publish_draft"),
    path("<slug:code>/publications/<slug:publication>/", materials.publication, name="publication"),
    path("<slug:code>/totals/", sync.platform_totals, name="totals"),
    path("<slug:code>/pushes/", pushes.pushes, name="pushes"),
    path("<slug:code>/pushes/retry/", pushes.retry, name="retry_pushes"),
]
