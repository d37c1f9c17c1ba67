package dev.serval.runtime;

/**
 * How a policy was asked for.
 *
 * @param <T> the policy's role
 */
sealed interface PolicyWish<T> {
  /**
   * By a name that a {@link PolicyCatalogue} knows.
   *
   * @param name the policy's, or its provider's
   */
  record ByName<T>(String name) implements PolicyWish<T> {}

  /**
   * As an object.
   *
   * @param policy the policy
   */
  record Given<T>(T policy) implements PolicyWish<T> {}

  /** Whether it is an object, which decides all by itself. */
  default boolean isGiven() {
    return this instanceof Given;
  }
}
