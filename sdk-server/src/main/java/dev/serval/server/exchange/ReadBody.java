package dev.serval.server.exchange;

import dev.serval.server.errors.ApiException;
import dev.serval.server.json.Json;
import dev.serval.server.json.Value;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A body that was read.
 *
 * @param meaning what it asks for
 * @param ignored the fields in it that nobody looked at, so that the client can be told: it may
 *     have misspelt one
 * @param <T> what it can ask for
 */
public record ReadBody<T>(T meaning, List<String> ignored) {
  /** The header that names them. */
  public static final String HEADER = "x-ignored-fields";

  private static final int MOST_NAMES = 16;
  private static final int MOST_CHARACTERS = 40;
  private static final Pattern UNFIT_FOR_A_HEADER = Pattern.compile("[^A-Za-z0-9_.-]");

  /**
   * Reads one; never called on an event loop.
   *
   * @param bytes what was received
   * @param reader says what it means
   * @throws ApiException when it is no JSON object
   */
  public static <T> ReadBody<T> of(@Nullable Buffer bytes, Function<Value, T> reader) {
    Value body = Json.object(bytes == null ? new byte[0] : bytes.getBytes());
    T meaning = reader.apply(body);
    return new ReadBody<>(meaning, body.unread());
  }

  /** Names the ignored fields in the head of an answer; on its context. */
  public void announce(HttpServerResponse response) {
    if (!ignored.isEmpty() && !response.headWritten()) {
      response.putHeader(HEADER, names());
    }
  }

  private String names() {
    String names =
        ignored.stream().limit(MOST_NAMES).map(ReadBody::name).collect(Collectors.joining(", "));
    return ignored.size() > MOST_NAMES ? names + ", ..." : names;
  }

  private static String name(String field) {
    String clipped = field.substring(0, Math.min(field.length(), MOST_CHARACTERS));
    return UNFIT_FOR_A_HEADER.matcher(clipped).replaceAll("?");
  }
}
