use std::sync::Arc;

use actix_http::{Request, Response, body::BoxBody};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt};
use actix_web::{
    App as Application, Error, HttpRequest, HttpResponse,
    dev::{AppConfig, ServiceResponse},
    guard,
    http::{
        Method,
        header::{self, HeaderValue},
    },
    web,
};

use super::{
    app::App,
    endpoints,
    exchange::Exchange,
    routes::{Endpoint, Route, routes},
};

/// What answers the requests of one worker.
pub(super) fn service(
    app: Arc<App>,
) -> impl ServiceFactory<
    Request,
    Config = AppConfig,
    Response = ServiceResponse<BoxBody>,
    Error = Response<BoxBody>,
    InitError = (),
    Service: 'static,
    Future: 'static,
> + 'static {
    let app = web::Data::from(app);
    let mut application = Application::new().app_data(app);
    for route in routes() {
        application = application.service(resource(&route));
    }
    let application = application.default_service(web::to(unknown));
    application
        .into_factory()
        .map_err(|error: Error| Response::from(HttpResponse::from_error(error)))
}

fn resource(route: &Route) -> actix_web::Resource {
    let Route { path, verb, endpoint } = route.clone();
    let answer = move |request: HttpRequest, payload: web::Payload, app: web::Data<App>| {
        answer(endpoint, request, payload, app)
    };
    let right_verb = if verb == Method::GET {
        // HEAD is GET without its body, which is left out on the way.
        web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
    } else {
        web::route().guard(guard::Method(verb.clone()))
    };
    let refuse = move |request: HttpRequest, payload: web::Payload, app: web::Data<App>| {
        wrong_verb(verb.clone(), request, payload, app)
    };
    web::resource(path).route(right_verb.to(answer)).default_service(web::to(refuse))
}

async fn answer(
    endpoint: Endpoint,
    request: HttpRequest,
    payload: web::Payload,
    app: web::Data<App>,
) -> HttpResponse {
    let mut exchange = Exchange::begin(app, request, payload);
    let of_exchange = exchange.app.clone();
    let result = of_exchange.until_cut(endpoints::answer(endpoint, &mut exchange)).await;
    exchange.answer(result).await
}

async fn unknown(request: HttpRequest, payload: web::Payload, app: web::Data<App>) -> HttpResponse {
    let error = endpoints::no_such_path(request.path());
    Exchange::begin(app, request, payload).answer(Err(error)).await
}

async fn wrong_verb(
    verb: Method,
    request: HttpRequest,
    payload: web::Payload,
    app: web::Data<App>,
) -> HttpResponse {
    let allowed = if verb == Method::GET { "GET, HEAD" } else { verb.as_str() };
    let error = endpoints::wrong_verb(allowed);
    let mut response = Exchange::begin(app, request, payload).answer(Err(error)).await;
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}
