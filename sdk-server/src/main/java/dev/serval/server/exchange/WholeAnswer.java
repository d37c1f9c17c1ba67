package dev.serval.server.exchange;

import dev.serval.api.GenerationResult;
import dev.serval.server.json.Json;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** An answer in one piece, once all of its prompts have their results. */
final class WholeAnswer {
  private final Exchange exchange;
  private final Submission submission;

  WholeAnswer(Exchange exchange, Submission submission) {
    this.exchange = exchange;
    this.submission = submission;
  }

  /** Asks for the results; on the exchange's context. */
  void begin() {
    var _ =
        submission
            .results()
            .whenComplete((results, failure) ->
                exchange.context().runOnContext(v -> arrived(results, failure)));
  }

  private void arrived(@Nullable List<GenerationResult> results, @Nullable Throwable failure) {
    if (results == null) {
      exchange.failed(Objects.requireNonNull(failure));
    } else if (!exchange.over()) {
      exchange
          .settings()
          .offload()
          .call(exchange.context(), () -> body(results))
          .onComplete(this::send, exchange::failed);
    }
  }

  private String body(List<GenerationResult> results) {
    return Json.text(submission.call().format().whole(submission.head(), results));
  }

  private void send(String json) {
    if (!exchange.over()) {
      exchange.request().response().putHeader("x-request-id", submission.head().id());
      Responses.json(exchange.request(), 200, json);
    }
  }
}
