package dev.serval.models.chat;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;

/** Formats a time as {@code strftime} does in the C locale. */
final class TimeFormat {
  private static final Map<Character, String> PATTERNS =
      Map.ofEntries(
          Map.entry('a', "EEE"),
          Map.entry('A', "EEEE"),
          Map.entry('b', "MMM"),
          Map.entry('h', "MMM"),
          Map.entry('B', "MMMM"),
          Map.entry('d', "dd"),
          Map.entry('D', "MM/dd/uu"),
          Map.entry('F', "uuuu-MM-dd"),
          Map.entry('H', "HH"),
          Map.entry('I', "hh"),
          Map.entry('j', "DDD"),
          Map.entry('m', "MM"),
          Map.entry('M', "mm"),
          Map.entry('p', "a"),
          Map.entry('R', "HH:mm"),
          Map.entry('S', "ss"),
          Map.entry('T', "HH:mm:ss"),
          Map.entry('y', "uu"),
          Map.entry('Y', "uuuu"));
  private static final Locale LOCALE = Locale.US;

  private TimeFormat() {}

  static String format(String format, ZonedDateTime time) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      if (format.charAt(i) != '%') {
        out.append(format.charAt(i));
        continue;
      }
      boolean unpadded = format.startsWith("-", i + 1);
      i += unpadded ? 2 : 1;
      out.append(field(i < format.length() ? format.charAt(i) : ' ', unpadded, time));
    }
    return out.toString();
  }

  private static String field(char code, boolean unpadded, ZonedDateTime time) {
    if (code == '%') {
      return "%";
    }
    if (code == 'e') {
      return unpadded ? "" + time.getDayOfMonth() : "%2d".formatted(time.getDayOfMonth());
    }
    String pattern = PATTERNS.get(code);
    if (pattern == null) {
      throw TemplateFailure.of("the time format %" + code + " is not supported");
    }
    String field = DateTimeFormatter.ofPattern(pattern, LOCALE).format(time);
    return unpadded ? field.replaceFirst("^0+(?=.)", "") : field;
  }
}
