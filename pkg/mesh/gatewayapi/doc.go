// Package gatewayapi answers the same of the Gateway API: listeners and the routes that they admit, backends, grants, waypoints. It imports the layers
// below.
package gatewayapi
