// The version of the package; a test holds it and package.json together.

/** Version of this package. */
export const version = '0.1.0';
