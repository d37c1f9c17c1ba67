/** A serving runtime as a Guice module. */
package dev.serval.guice;
