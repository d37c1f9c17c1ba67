package dev.serval.command.simulate;

import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a duration such as {@code 50ms}, {@code 90s} or {@code 1h30m}. */
public final class DurationConverter implements ITypeConverter<Duration> {
  @Override
  public Duration convert(String text) {
    return duration(text);
  }

  static Duration duration(String text) {
    try {
      Duration duration =
          text.endsWith("ms")
              ? Duration.ofMillis(Integer.parseInt(text.substring(0, text.length() - 2)))
              : Duration.parse("PT" + text.toUpperCase(Locale.ROOT));
      if (duration.isPositive()) {
        return duration;
      }
    } catch (DateTimeParseException | NumberFormatException e) {
      // refused below, as one that is not positive
    }
    throw new TypeConversionException(
        "'" + text + "' is no duration; write one like 50ms, 90s or 1h30m");
  }
}
