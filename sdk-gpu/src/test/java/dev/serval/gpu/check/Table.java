package dev.serval.gpu.check;

import java.util.Locale;

/**
 * Lines {@code | what | value | goal |}, printed as they come.
 *
 * @param name what each begins with
 */
record Table(String name) {
  void line(String what, String goal, String format, Object... values) {
    System.out.printf(
        "| %s %s | %s | %s |%n", name, what, String.format(Locale.ROOT, format, values), goal);
    System.out.flush();
  }
}
