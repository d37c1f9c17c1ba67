package dev.serval.api.compute;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/** Which kernels the host application wishes a backend to compute with. */
public sealed interface KernelPreference {
  /**
   * Only this kind will do: a backend that cannot have it is not opened.
   *
   * @param kind the kind
   */
  record Require(KernelKind kind) implements KernelPreference {}

  /**
   * The fastest kind that is there, but for those refused.
   *
   * @param refused the kinds not to be used; not all of them
   */
  record Best(Set<KernelKind> refused) implements KernelPreference {
    /** Refuses a wish that leaves nothing. */
    public Best {
      refused = Set.copyOf(refused);
      if (refused.size() == KernelKind.values().length) {
        throw new IllegalArgumentException("a preference leaves at least one kind of kernels");
      }
    }
  }

  /**
   * The fastest kind that is there.
   *
   * @return the preference
   */
  static KernelPreference best() {
    return new Best(Set.of());
  }

  /**
   * The fastest kind that is there, but for some.
   *
   * @param refused the kinds not to be used; not all of them
   * @return the preference
   */
  static KernelPreference without(KernelKind... refused) {
    return new Best(Set.of(refused));
  }

  /**
   * Only this kind will do.
   *
   * @param kind the kind
   * @return the preference
   */
  static KernelPreference require(KernelKind kind) {
    return new Require(kind);
  }

  /**
   * Reads a preference: {@code best}, a kind that is required, or kinds that are refused, such as
   * {@code no-generated}, separated by commas.
   *
   * @param text in either case
   * @return the preference
   * @throws IllegalArgumentException when it is none of these, listing what there is
   */
  static KernelPreference parse(String text) {
    String wish = text.toLowerCase(Locale.ROOT);
    if (wish.equals("best")) {
      return best();
    }
    if (!wish.startsWith("no-")) {
      return require(kind(wish, text));
    }
    Set<KernelKind> refused = EnumSet.noneOf(KernelKind.class);
    for (String part : wish.split(",", -1)) {
      refused.add(kind(part.startsWith("no-") ? part.substring(3) : "", text));
    }
    return new Best(refused);
  }

  private static KernelKind kind(String name, String text) {
    return Arrays.stream(KernelKind.values())
        .filter(kind -> kind.toString().equals(name))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "'%s' names no kernels; there is best, %s, and each of these with no- before it"
                    .formatted(
                        text,
                        String.join(
                            ", ",
                            Arrays.stream(KernelKind.values())
                                .map(KernelKind::toString)
                                .toList()))));
  }
}
