//! What the function is asked, as API Gateway sends it.

use serde_json::json;

/// A question, and whether its answer is streamed.
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) stream: bool,
}

/// One for the cold start and two for the warm function.
pub(crate) fn questions() -> [Question; 3] {
    let manual =
        "A span that has not left before the freeze is a span that nobody will see. ".repeat(109);
    [
        Question {
            text: "Why do traces of serverless functions get lost?".to_owned(),
            stream: false,
        },
        Question {
            text: "And when does a streamed answer end?".to_owned(),
            stream: true,
        },
        Question {
            text: format!("Sum up this manual: {manual}"),
            stream: false,
        },
    ]
}

/// An HTTP API event, payload format 2.0. Nothing of its headers, cookies and query is recorded.
pub(crate) fn api_gateway(question: &Question) -> String {
    json!({
        "version": "2.0",
        "routeKey": "POST /chat",
        "rawPath": "/chat",
        "rawQueryString": "token=a-secret-of-the-query",
        "cookies": ["session=a-secret-of-the-cookie"],
        "headers": {
            "authorization": "Bearer a-secret-of-the-header",
            "content-type": "application/json",
            "host": "api.example.com",
        },
        "queryStringParameters": { "token": "a-secret-of-the-query" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": "POST",
                "path": "/chat",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /chat",
            "stage": "$default",
            "time": "22/Nov/2026:08:00:00 +0000",
            "timeEpoch": 1_795_334_400_000_u64,
        },
        "body": json!({ "question": question.text, "stream": question.stream }).to_string(),
        "isBase64Encoded": false,
    })
    .to_string()
}
