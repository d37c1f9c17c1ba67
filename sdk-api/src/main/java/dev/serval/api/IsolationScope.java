package dev.serval.api;

/**
 * Who may meet whose cached data. Two requests reuse each other's KV blocks only if their scopes
 * are equal; a scope is part of every block's {@link dev.serval.api.cache.KvKey} and so holds in
 * every tier.
 *
 * <p>The host application sets the scope from its own principal; it is never read from a request's
 * body. A scope that several principals opt into is {@link #shared(String) shared} and lives in a
 * name space of its own, so no principal's name can collide with it.
 *
 * @param shared whether several principals opt into this scope
 * @param name the principal's or the shared scope's name; not empty, except for {@link #HOST}
 */
public record IsolationScope(boolean shared, String name) {
  /** The host application itself: the scope of an application that serves but one principal. */
  public static final IsolationScope HOST = new IsolationScope(false, "");

  /**
   * The scope of one principal.
   *
   * @param principal the principal's name in the host application
   * @return the scope
   * @throws IllegalArgumentException when the name is empty
   */
  public static IsolationScope of(String principal) {
    return named(false, principal);
  }

  /**
   * A scope that several principals opt into.
   *
   * @param name the scope's name
   * @return the scope
   * @throws IllegalArgumentException when the name is empty
   */
  public static IsolationScope shared(String name) {
    return named(true, name);
  }

  private static IsolationScope named(boolean shared, String name) {
    if (name.isEmpty()) {
      throw new IllegalArgumentException("an isolation scope needs a name");
    }
    return new IsolationScope(shared, name);
  }
}
