package dev.serval.server.openai;

import dev.serval.server.json.Value;

/**
 * How a client wants its answer.
 *
 * @param stream as it grows, or whole
 * @param includeUsage whether a stream ends with its usage
 */
public record Delivery(boolean stream, boolean includeUsage) {
  static Delivery of(Value body) {
    boolean stream = GenerationFields.flag(body, "stream");
    boolean usage = body.get("stream_options").map(options -> usage(options, stream)).orElse(false);
    body.get("explain")
        .ifPresent(explain ->
            explain.check(
                !explain.truth() || !stream || usage,
                "false where a stream does not end with its usage; see"
                    + " stream_options.include_usage"));
    return new Delivery(stream, usage);
  }

  private static boolean usage(Value options, boolean stream) {
    options.check(stream, "left out where stream is not true");
    options.check(options.isObject(), "an object");
    options
        .get("continuous_usage_stats")
        .ifPresent(
            each -> each.check(!each.truth(), "false: the last chunk alone tells the usage"));
    return GenerationFields.flag(options, "include_usage");
  }
}
