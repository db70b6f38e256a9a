"""The routes under /v1."""

from services.api.routes.alerts import alerts
from services.api.routes.audit import audit_log, verify_audit_log
from services.api.routes.batch import predict_batch
from services.api.routes.checks import check_export
from services.api.routes.deals import deal, disagree, opinion_options, opinions
from services.api.routes.evaluations import evaluation, versions
from services.api.routes.explanations import explain
from services.api.routes.forecast import quarter_forecast
from services.api.routes.history import champions, model_history
from services.api.routes.keys import create_key, key_options, list_keys, revoke_key, rotate_key
from services.api.routes.model import model
from services.api.routes.monitoring import monitoring
from services.api.routes.operations import operations
from services.api.routes.outcomes import record_outcomes
from services.api.routes.pipeline import open_pipeline
from services.api.routes.predictions import predict
from services.api.routes.recorded import recorded
from services.api.routes.rollback import roll_back
from services.api.routes.sessions import change_password, me, sign_in, sign_out, sign_out_everywhere
from services.api.routes.silences import end_silence, silence, silence_options, silences
from services.api.routes.users import change_user, create_user, list_users, user_options

ROUTES = [
    key_options,
    predict,
    recorded,
    predict_batch,
    check_export,
    explain,
    open_pipeline,
    quarter_forecast,
    deal,
    opinion_options,
    opinions,
    disagree,
    model,
    model_history,
    champions,
    versions,
    evaluation,
    monitoring,
    operations,
    roll_back,
    record_outcomes,
    alerts,
    silence_options,
    silences,
    silence,
    end_silence,
    create_key,
    list_keys,
    rotate_key,
    revoke_key,
    user_options,
    create_user,
    list_users,
    change_user,
    sign_in,
    me,
    sign_out,
    sign_out_everywhere,
    change_password,
    audit_log,
    verify_audit_log,
]
