package dev.serval.server.exchange;

import dev.serval.server.json.Json;
import io.vertx.core.buffer.Buffer;

/**
 * Events as the <a href="https://html.spec.whatwg.org/multipage/server-sent-events.html">HTML
 * standard</a> frames them: each a line of data and an empty one.
 */
final class ServerSentEvent {
  private ServerSentEvent() {}

  static final String DONE = "data: [DONE]\n\n";

  static Buffer of(Object value) {
    return Buffer.buffer("data: " + Json.text(value) + "\n\n");
  }
}
