package dev.serval.server.errors;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonInclude.Include;
import org.jspecify.annotations.Nullable;

/** The JSON of an error: {@code {"error":{"message","type","param","code"}}}. */
public record ErrorBody(Detail error) {
  /** All four are always there. */
  @JsonInclude(Include.ALWAYS)
  public record Detail(
      String message, String type, @Nullable String param, @Nullable String code) {}

  /** The body that tells of an error. */
  public static ErrorBody of(ApiError error) {
    return new ErrorBody(new Detail(error.message(), error.type(), error.param(), error.code()));
  }
}
