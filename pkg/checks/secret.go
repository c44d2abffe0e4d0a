package checks

import core "k8s.io/api/core/v1"

// SecretWithValues is a Secret with what its stringData say; ok is false where it was read without its values.
func SecretWithValues(p *Pass, secret *core.Secret) (complete *core.Secret, ok bool) {
	if len(secret.StringData) > 0 {
		secret = secret.DeepCopy()
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		for key, value := range secret.StringData {
			secret.Data[key] = []byte(value)
		}
	}
	// The API server lets no Secret of this type in without both keys: one without values was read without them.
	if len(secret.Data) == 0 && secret.Type == core.SecretTypeTLS {
		p.Skip("the values of Secret " + secret.Namespace + "/" + secret.Name + " were not read")
		return nil, false
	}
	return secret, true
}
