// Package oracle holds pkg/mesh, this project's model of Istio, against istiod itself. It makes random meshes, lets istiod
// (in process) configure their gateways, asks the model the same questions, and compares. Where the two differ, it makes the
// mesh smaller until nothing can be left out, and shows it with both answers.
//
// Everything is decided by a seed: the same seed is the same mesh.
package oracle
