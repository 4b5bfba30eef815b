process.stdout.write('x'.repeat(900000), () => { console.error('written'); process.exit(5) })
