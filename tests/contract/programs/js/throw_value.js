console.log('before')
throw { not: 'an error' }
