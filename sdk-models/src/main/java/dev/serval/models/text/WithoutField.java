package dev.serval.models.text;

import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.filter.TokenFilter;

/** All of an object but one field, which may lie within others. */
final class WithoutField extends TokenFilter {
  private final List<String> path;

  /**
   * Without a field.
   *
   * @param path the names of the fields that it lies in, from the outermost, and its own
   */
  WithoutField(List<String> path) {
    this.path = path;
  }

  @Override
  public @Nullable TokenFilter includeProperty(String name) {
    if (!name.equals(path.getFirst())) {
      return INCLUDE_ALL;
    }
    return path.size() == 1 ? null : new WithoutField(path.subList(1, path.size()));
  }

  @Override
  public boolean includeEmptyObject(boolean contentsFiltered) {
    return true;
  }

  @Override
  public boolean includeEmptyArray(boolean contentsFiltered) {
    return true;
  }
}
